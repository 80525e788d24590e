import { describe, expect, it } from "vitest";
import { applyChanges } from "../../../src/engine/image-changes.ts";

const image = { Env: ["PATH=/bin", "A=1"], Entrypoint: ["/entry"], Cmd: ["arg"], WorkingDir: "/srv" };
const apply = (...changes: string[]) => applyChanges(image, changes);

describe("applyChanges", () => {
  it.each<[string, object]>([
    ['CMD ["a", "b c"]', { Cmd: ["a", "b c"] }],
    ["cmd echo $HOME 'x'", { Cmd: ["/bin/sh", "-c", "echo $HOME 'x'"] }],
    ["CMD [a, b", { Cmd: ["/bin/sh", "-c", "[a, b"] }],
    ["ENV B=2 A=3", { Env: ["PATH=/bin", "A=3", "B=2"] }],
    ["ENV GREETING hello  there", { Env: ["PATH=/bin", "A=1", "GREETING=hello  there"] }],
    [
      `ENV B="two words" C='$A' D=$A/x E=\${NO:-none} F=a\\ b`,
      { Env: ["PATH=/bin", "A=1", "B=two words", "C=$A", "D=1/x", "E=none", "F=a b"] },
    ],
    [`ENV B=\${A:+set} C=\${NO:+set}`, { Env: ["PATH=/bin", "A=1", "B=set", "C="] }],
    ["LABEL a=b 'c d'=\"e f\"", { Labels: { a: "b", "c d": "e f" } }],
    [
      "EXPOSE 80 53/udp 8000-8001",
      { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {} } },
    ],
    ["VOLUME /a /b", { Volumes: { "/a": {}, "/b": {} } }],
    ['VOLUME ["/with space"]', { Volumes: { "/with space": {} } }],
    ["USER app:wheel", { User: "app:wheel" }],
    ["WORKDIR /x/../y/", { WorkingDir: "/y" }],
    ["WORKDIR sub/$A", { WorkingDir: "/srv/sub/1" }],
    ["STOPSIGNAL SIGQUIT", { StopSignal: "SIGQUIT" }],
    ["HEALTHCHECK NONE", { Healthcheck: { Test: ["NONE"] } }],
    [
      "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 --start-period=1.5h CMD curl -f localhost",
      {
        Healthcheck: {
          Interval: 90e9,
          Timeout: 5e8,
          Retries: 3,
          StartPeriod: 5400e9,
          Test: ["CMD-SHELL", "curl -f localhost"],
        },
      },
    ],
    ['HEALTHCHECK CMD ["true"]', { Healthcheck: { Test: ["CMD", "true"] } }],
    ["ONBUILD RUN make", { OnBuild: ["RUN make"] }],
  ])("%s", (change, difference) => {
    expect(apply(change)).toEqual({ ...image, ...difference });
  });

  it("takes the former entrypoint's arguments away with it", () => {
    expect(apply('ENTRYPOINT ["/new"]')).toEqual({
      Env: image.Env,
      WorkingDir: "/srv",
      Entrypoint: ["/new"],
    });
    expect(apply('CMD ["own"]', 'ENTRYPOINT ["/new"]')).toMatchObject({ Entrypoint: ["/new"], Cmd: ["own"] });
  });

  it("builds one on the other", () => {
    expect(apply("ENV B=x", "WORKDIR $B", "WORKDIR y", "LABEL a=1", "LABEL b=2")).toMatchObject({
      WorkingDir: "/srv/x/y",
      Labels: { a: "1", b: "2" },
    });
  });

  it.each([
    ["RUN true", "run is not a valid change command"],
    ["", "not a valid change command"],
    ["CMD", "CMD requires at least one argument"],
    ["ENV A", "ENV must have two arguments"],
    ["ENV A=1 B", "can't find = in"],
    ['ENV A="1', "is not closed"],
    ["EXPOSE http", "invalid containerPort: http"],
    ["EXPOSE 0", "invalid containerPort: 0"],
    ["EXPOSE 9-8", "invalid containerPort: 9-8"],
    ["HEALTHCHECK RUN x", 'Unknown type "RUN"'],
    ["HEALTHCHECK --interval=soon CMD x", "invalid duration: soon"],
    ["HEALTHCHECK --often=1s CMD x", "--often"],
    ["HEALTHCHECK CMD", "Missing command"],
    ["ONBUILD ONBUILD RUN x", "ONBUILD"],
    ["ONBUILD FROM x", "FROM isn't allowed"],
  ])("refuses %s", (change, message) => {
    expect(() => apply(change)).toThrow(message);
    expect(() => apply(change)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_CHANGE_INVALID" }));
  });

  it("refuses a signal that does not exist", () => {
    expect(() => apply("STOPSIGNAL SIGNOPE")).toThrow("invalid signal");
  });
});
