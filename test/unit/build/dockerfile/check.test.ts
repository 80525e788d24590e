// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what these texts are about
import { describe, expect, test } from "vitest";
import { readDockerfile } from "../../../../src/build/dockerfile/dockerfile.ts";
import { ignoreMatcher } from "../../../../src/build/dockerfile/ignore.ts";
import {
  type BaseImage,
  type CheckContext,
  checkDockerfile,
  checkFailure,
  checkText,
} from "../../../../src/build/dockerfile/lint/check.ts";

const image: BaseImage = {
  environment: ["PATH=/bin", "NODE_VERSION=24"],
  shell: false,
  platform: "linux/amd64",
};
const context: CheckContext = {
  baseImage: () => image,
  platform: "linux/amd64",
  buildPlatform: "linux/amd64",
};

/** "line rule" of each warning. */
function rules(text: string, more: CheckContext = {}): string[] {
  const { warnings, error } = checkText(text, "Dockerfile", { ...context, ...more });
  if (error !== undefined) throw error;
  return warnings.map(({ rule, range }) => `${range.start.line} ${rule}`);
}

describe("each rule is told where it is broken", () => {
  test.each([
    ["StageNameCasing", "FROM x AS Build"],
    ["FromAsCasing", "FROM x as build"],
    ["DuplicateStageName", "FROM x AS a\nFROM x AS a"],
    ["ReservedStageName", "FROM x AS context"],
    ["UndefinedArgInFrom", "FROM x:a$TAG"],
    ["InvalidDefaultArgInFrom", "ARG TAG\nFROM x:$TAG"],
    ["RedundantTargetPlatform", "FROM --platform=${TARGETPLATFORM} x"],
    ["FromPlatformFlagConstDisallowed", "FROM --platform=linux/amd64 x AS y"],
    ["InvalidBaseImagePlatform", "FROM --platform=linux/$TARGETARCH/v2 x", { platform: "linux/arm64" }],
    ["ConsistentInstructionCasing", "FROM x\nUSER a\nworkdir /x"],
    ["MaintainerDeprecated", "FROM x\nMAINTAINER y"],
    ["NoEmptyContinuation", "FROM x\nRUN a \\\n\n b"],
    ["JSONArgsRecommended", "FROM x\nCMD a"],
    ["MultipleInstructionsDisallowed", 'FROM x\nCMD ["a"]\nCMD ["b"]'],
    ["LegacyKeyValueFormat", "FROM x\nENV a b"],
    ["SecretsUsedInArgOrEnv", "FROM x\nARG GITHUB_TOKEN"],
    ["WorkdirRelativePath", "FROM x\nWORKDIR a"],
    ["UndefinedVar", "FROM x\nCOPY $a /a"],
    ["ExposeProtoCasing", "FROM x\nEXPOSE 80/TCP"],
    ["ExposeInvalidFormat", "FROM x\nEXPOSE 80:80"],
    ["CopyIgnoredFile", "FROM x\nCOPY secret /x", { ignore: ignoreMatcher("secret") }],
    ["InvalidDefinitionDescription", "# check=experimental=all\n# the list\nARG a\nFROM x"],
  ] as [string, string, CheckContext?][])("%s", (rule, text, more) => {
    expect(rules(text, more).map((each) => each.split(" ")[1])).toEqual([rule]);
  });
});

test("what is well done has no warnings", () => {
  const text = [
    "ARG VERSION=3.20",
    "FROM --platform=$BUILDPLATFORM alpine:${VERSION} AS build",
    "ARG TARGETARCH",
    "WORKDIR /src",
    "COPY . .",
    "RUN make ARCH=$TARGETARCH",
    "FROM scratch",
    "WORKDIR /app",
    "ENV PATH=/app:$PATH VERSION_FILE=x",
    "COPY --from=build /src/out$VERSION_FILE ./",
    "EXPOSE 80/tcp",
    'ENTRYPOINT ["/app/out"]',
  ].join("\n");
  expect(rules(text)).toEqual([]);
});

describe("variables", () => {
  test("are those of the base image, its stages and ARGs, with or without a value", () => {
    expect(rules("FROM x\nARG a\nCOPY a$a$NODE_VERSION /b\nENV c=1\nCOPY $c /")).toEqual([]);
    expect(rules("FROM x AS y\nENV a=1\nFROM y\nCOPY $a $b /")).toEqual(["4 UndefinedVar"]);
    expect(rules("ARG a=1\nFROM x\nCOPY $a /")).toEqual(["3 UndefinedVar"]);
  });

  test("of a base image that is not known are not judged", () => {
    expect(rules("FROM x\nCOPY $a /", { baseImage: () => undefined })).toEqual([]);
    expect(rules("FROM scratch\nCOPY $a /", { baseImage: () => undefined })).toEqual(["2 UndefinedVar"]);
  });

  test("a typing error is told with what was meant", () => {
    const [found] = checkText("FROM x\nARG DIR_ASSETS=a\nCOPY $DIR_ASSET /", "Dockerfile", context).warnings;
    expect(found?.message).toBe("Usage of undefined variable '$DIR_ASSET' (did you mean $DIR_ASSETS?)");
    expect(found?.url).toBe("https://docs.docker.com/go/dockerfile/rule/undefined-var/");
  });
});

describe("options", () => {
  test("a directive skips rules for all of the file, a comment for one instruction", () => {
    expect(rules("# check=skip=StageNameCasing,JSONArgsRecommended\nFROM x AS Y\nCMD a")).toEqual([]);
    expect(rules("FROM x\n# check=skip=all\nENV a b\nENV c d")).toEqual(["4 LegacyKeyValueFormat"]);
    expect(
      rules("# check=skip=all\nFROM x\nCMD a", { buildArgs: { BUILDKIT_DOCKERFILE_CHECK: "" } }),
    ).toEqual(["3 JSONArgsRecommended"]);
  });

  test("error=true makes warnings a failure", () => {
    const failure = (text: string): string | undefined => {
      const dockerfile = readDockerfile(text);
      return checkFailure(checkDockerfile(dockerfile, context), dockerfile.parsed);
    };
    expect(failure("# check=error=true\nFROM x AS Y\nCMD a")).toBe(
      "lint violation found for rules: StageNameCasing, JSONArgsRecommended",
    );
    expect(failure("# check=error=true\nFROM x")).toBeUndefined();
    expect(failure("FROM x AS Y")).toBeUndefined();
  });

  test("those that are none are refused", () => {
    expect(checkText("# check=skpi=all\nFROM x").error?.message).toBe(
      'Dockerfile:1:1: failed to parse check options: invalid check option "skpi"',
    );
  });
});

test("commands of stages that the target does not need are not looked at", () => {
  const text =
    "FROM x AS a\nENV a b\nFROM x AS b\nENV a b\nFROM a\nCOPY --from=c /x /\nFROM x AS c\nRUN --mount=from=a true";
  expect(rules(text)).toHaveLength(2);
  expect(rules(text, { target: "2" })).toEqual(["2 LegacyKeyValueFormat"]);
  expect(rules(text, { target: "c" })).toEqual(["2 LegacyKeyValueFormat"]);
  expect(rules(text, { target: "b" })).toEqual(["4 LegacyKeyValueFormat"]);
});

test("an error is told with the warnings before it", () => {
  const { warnings, error } = checkText("FROM x AS Y\nRUM a\nMAINTAINER b", "web.Dockerfile", context);
  expect(warnings).toMatchObject([{ rule: "StageNameCasing" }]);
  expect(error?.message).toBe("web.Dockerfile:2:1: unknown instruction: RUM (did you mean RUN?)");
  expect(checkText("FROM --platform=$BULIDPLATFORM x").error?.problem).toBe(
    "empty platform value from expression $BULIDPLATFORM (did you mean BUILDPLATFORM?)",
  );
  expect(checkText('FROM x\nENV a="${b:?has to be set}"').error?.message).toMatch(
    /^Dockerfile:2:1: .*has to be set/,
  );
});
