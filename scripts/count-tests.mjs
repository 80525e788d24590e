// node scripts/count-tests.mjs REPORT STATUS NAME: counts a vitest JSON report for scripts/test.
//
// First line "PASSED FAILED", then one line for each test that failed or was skipped. A run without a report, a file
// that could not be loaded and an error outside of any test count as one failure each: nothing ends well unseen.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** What a failed test said first: of a long output CI keeps the end, where the list of failures stands. */
function reasonOf(test) {
  const message = stripVTControlCharacters(test.failureMessages[0] ?? "no reason given");
  return message.split("\n    at ", 1)[0].slice(0, 500);
}

const [, , path, status, name] = process.argv;
let passed = 0;
const failures = [];
const skipped = [];

let report;
try {
  report = JSON.parse(readFileSync(path, "utf8"));
} catch {
  failures.push(`${name}: no report, exit status ${status}${status === "124" ? " (out of time)" : ""}`);
}
for (const file of report?.testResults ?? []) {
  const where = relative(process.cwd(), file.name);
  for (const test of file.assertionResults) {
    if (test.status === "passed") passed += 1;
    else if (test.status === "failed") failures.push(`${where}: ${test.fullName}: ${reasonOf(test)}`);
    else skipped.push(`${where}: ${test.fullName}`);
  }
  const anyFailed = file.assertionResults.some((test) => test.status === "failed");
  if (file.status === "failed" && !anyFailed)
    failures.push(`${where}: ${file.message || "could not be loaded"}`);
}
if (report && passed + failures.length === 0) failures.push(`${name}: no test ran`);
if (report && status !== "0" && failures.length === 0) failures.push(`${name}: exit status ${status}`);

const lines = [`${passed} ${failures.length}`];
for (const failure of failures) lines.push(`failed: ${failure.replaceAll(/\s+/g, " ")}`);
for (const test of skipped) lines.push(`skipped: ${test}`);
process.stdout.write(`${lines.join("\n")}\n`);
