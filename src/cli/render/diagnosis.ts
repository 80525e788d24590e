/** What the doctor says, a line for each thing and one below it for the command that adds what is missing. */
import type { Diagnosis } from "../../engine/doctor/doctor.ts";
import type { Finding } from "../../engine/doctor/finding.ts";

export function diagnosisReport({ host, user }: Diagnosis): string {
  const all = [...host, ...(user?.findings ?? [])];
  const lacking = all.filter(({ status }) => status === "missing").length;
  const lines = [
    "For all containers",
    ...host.flatMap(findingLines),
    ...(user === undefined
      ? []
      : ["", `For the containers of ${user.name}`, ...user.findings.flatMap(findingLines)]),
    "",
    lacking === 0 ? "Nothing is missing" : `${lacking} of ${all.length} are missing`,
  ];
  return `${lines.join("\n")}\n`;
}

const findingLines = ({ subject, status, detail, command }: Finding): string[] => [
  `  ${status.padEnd(8)} ${subject}: ${detail}`,
  ...(command === undefined ? [] : [`             ${command}`]),
];
