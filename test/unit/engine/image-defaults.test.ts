import { describe, expect, test } from "vitest";
import type { ImageConfig } from "../../../src/engine/api.ts";
import { mergeImageConfig } from "../../../src/engine/image-defaults.ts";
import type { ContainerOptions } from "../../../src/engine/types.ts";

const merge = (options: Partial<ContainerOptions>, image: ImageConfig = {}) =>
  mergeImageConfig({ image: "img", command: ["c"], ...options }, image);

describe("the command line", () => {
  const image: ImageConfig = { Entrypoint: ["/entry", "-x"], Cmd: ["serve"] };
  const words = (options: Partial<ContainerOptions>, config = image) => {
    const { path, args } = mergeImageConfig({ image: "img", ...options }, config);
    return [path, ...args];
  };

  test.each<[string, Partial<ContainerOptions>, string[]]>([
    ["the image's own", {}, ["/entry", "-x", "serve"]],
    ["an empty command is none", { command: [] }, ["/entry", "-x", "serve"]],
    ["a command replaces Cmd", { command: ["ls", "-l"] }, ["/entry", "-x", "ls", "-l"]],
    ["an entrypoint clears Cmd", { entrypoint: ["sh"] }, ["sh"]],
    ["both given", { entrypoint: ["sh"], command: ["-c", "id"] }, ["sh", "-c", "id"]],
    ["an empty entrypoint clears the image's", { entrypoint: [], command: ["id"] }, ["id"]],
    ["as --entrypoint '' does", { entrypoint: [""], command: ["id"] }, ["id"]],
    ["empty arguments stay", { command: ["a", ""] }, ["/entry", "-x", "a", ""]],
  ])("%s", (_, options, expected) => {
    expect(words(options)).toEqual(expected);
  });

  test("Cmd alone", () => {
    expect(words({}, { Cmd: ["sh"] })).toEqual(["sh"]);
  });

  test.each<[Partial<ContainerOptions>, ImageConfig]>([
    [{}, {}],
    [{ entrypoint: [""] }, image],
    [{ entrypoint: [] }, image],
  ])("no command: %j", (options, config) => {
    expect(() => words(options, config)).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_NO_COMMAND", message: "no command specified" }),
    );
  });
});

describe("the rest", () => {
  test("defaults", () => {
    expect(merge({})).toMatchObject({
      workdir: "/",
      user: "",
      stopSignal: "SIGTERM",
      stopTimeout: 10,
      labels: {},
      env: [],
    });
  });
  test("the image's", () => {
    const image = {
      WorkingDir: "/srv/",
      User: "app",
      StopSignal: "SIGQUIT",
      Labels: { a: "1", b: "1" },
      Env: ["A=1"],
    };
    expect(merge({ labels: { b: "2" } }, image)).toMatchObject({
      workdir: "/srv",
      user: "app",
      stopSignal: "SIGQUIT",
      labels: { a: "1", b: "2" },
      env: ["A=1"],
    });
  });
  test("the user's", () => {
    const image = { WorkingDir: "/srv", User: "app", StopSignal: "SIGQUIT" };
    const options = { workdir: "/a//b/../c/", user: "0", stopSignal: "9", stopTimeout: 0 };
    expect(merge(options, image)).toMatchObject({
      workdir: "/a/c",
      user: "0",
      stopSignal: "9",
      stopTimeout: 0,
    });
  });
  test("a relative directory is refused in the options, taken from / in images", () => {
    expect(merge({}, { WorkingDir: "app" }).workdir).toBe("/app");
    expect(() => merge({ workdir: "app" })).toThrow(
      "the working directory 'app' is invalid, it needs to be an absolute path",
    );
  });
});
