import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Agent, agentAt, agentOfKeys } from "../../../../src/build/ssh/agent.ts";
import { identityOf } from "../../../../src/build/ssh/identity.ts";
import { framed, messagesOf } from "../../../../src/build/ssh/messages.ts";
import { serveAgent } from "../../../../src/build/ssh/serve.ts";
import { openAgents } from "../../../../src/build/ssh/sources.ts";
import { mpint, Reader, string, uint32 } from "../../../../src/build/ssh/wire.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-ssh-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A key of ssh-keygen's, and its public half: "ssh-ed25519 AAAA…". */
function newKey(name: string, ...options: string[]): { path: string; line: string } {
  const path = join(directory, name);
  execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "ann@example.org", "-f", path, ...options]);
  return { path, line: readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ") };
}
const text = (path: string): string => readFileSync(path, "utf8");

/** ssh-add and its like, as somebody who has this agent. */
function asked(socket: string, program: string, args: string[], input = ""): { code: number; said: string } {
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  const { status, stdout, stderr } = spawnSync(program, args, { env, input, encoding: "utf8" });
  return { code: status ?? 255, said: stdout + stderr };
}

describe("numbers", () => {
  it.each([
    ["", "00000000"],
    ["00", "00000000"],
    ["0012", "0000000112"],
    ["80", "000000020080"],
    ["ff01", "0000000300ff01"],
  ])("%s is written %s", (magnitude, written) => {
    expect(mpint(Buffer.from(magnitude, "hex")).toString("hex")).toBe(written);
  });
});

describe("a key", () => {
  it.each([
    ["ed25519", ["-t", "ed25519"]],
    ["rsa", ["-t", "rsa", "-b", "2048"]],
    ["rsa-pem", ["-t", "rsa", "-b", "2048", "-m", "PEM"]],
    ["rsa-pkcs8", ["-t", "rsa", "-b", "2048", "-m", "PKCS8"]],
    ["ecdsa-256", ["-t", "ecdsa", "-b", "256"]],
    ["ecdsa-384", ["-t", "ecdsa", "-b", "384"]],
    ["ecdsa-521", ["-t", "ecdsa", "-b", "521"]],
    ["ecdsa-pem", ["-t", "ecdsa", "-b", "256", "-m", "PEM"]],
  ])("is read and called as ssh-keygen calls it: %s", (name, options) => {
    const { path, line } = newKey(name, ...options);
    const { blob } = identityOf(text(path));
    expect(`${new Reader(blob).name()} ${blob.toString("base64")}`).toBe(line);
  });

  it("of RSA signs by the hash that it is asked for, and never by SHA-1", () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const identity = identityOf(privateKey.export({ type: "pkcs1", format: "pem" }) as string);
    const data = Buffer.from("data");
    for (const [flags, bits] of [
      [2, 256],
      [4, 512],
    ] as const) {
      const signature = new Reader(identity.sign(data, flags) as Buffer);
      expect(signature.name()).toBe(`rsa-sha2-${bits}`);
      expect(verify(`sha${bits}`, data, publicKey, signature.string())).toBe(true);
    }
    expect(identity.sign(data, 0)).toBeUndefined();
  });

  it.each(["prime256v1", "secp521r1"])("on a curve signs as others check it: %s", (namedCurve) => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve });
    const identity = identityOf(privateKey.export({ type: "sec1", format: "pem" }) as string);
    // Numbers that begin with zeros are shorter: one of some dozens.
    for (let round = 0; round < 40; round++) {
      const data = Buffer.from(`data ${round}`);
      const outer = new Reader(identity.sign(data, 0) as Buffer);
      const hash = namedCurve === "prime256v1" ? "sha256" : "sha512";
      expect(outer.name()).toMatch(/^ecdsa-sha2-nistp(256|521)$/);
      const inner = new Reader(outer.string());
      const size = namedCurve === "prime256v1" ? 32 : 66;
      const both = [inner.mpint(), inner.mpint()].map((part) =>
        Buffer.concat([Buffer.alloc(size - part.length), part]),
      );
      const key = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
      expect(verify(hash, data, key, Buffer.concat(both))).toBe(true);
    }
  });
});

describe("what --ssh names", () => {
  const opening = (paths: string[]) => () => openAgents([{ id: "default", paths }]);

  it("is refused where it is no use, with what to do", () => {
    const { path } = newKey("plain", "-t", "ed25519");
    for (const [name, options] of [
      ["encrypted", ["-t", "ed25519"]],
      ["encrypted-pem", ["-t", "rsa", "-m", "PEM"]],
      ["encrypted-pkcs8", ["-t", "ecdsa", "-m", "PKCS8"]],
    ] as const) {
      const secret = newKey(name, ...options).path;
      execFileSync("ssh-keygen", ["-q", "-p", "-N", "passphrase", "-f", secret]);
      expect(opening([secret])).toThrow(
        expect.objectContaining({
          code: "ERR_TSRUN_SSH_INVALID",
          message: `ssh default: ${secret} is encrypted`,
          hint: expect.stringContaining(`ssh-add ${secret}`),
        }),
      );
    }
    expect(opening([`${path}.pub`])).toThrow(
      expect.objectContaining({ hint: `name the private one: --ssh default=${path}` }),
    );
    writeFileSync(join(directory, "words"), "no key\n");
    expect(opening([join(directory, "words")])).toThrow("is no private key");
    expect(opening([directory])).toThrow("is no private key");
    expect(opening([join(directory, "nothing")])).toThrow("no such file or directory");
    const { privateKey } = generateKeyPairSync("x25519");
    writeFileSync(join(directory, "x25519"), privateKey.export({ type: "pkcs8", format: "pem" }));
    expect(opening([join(directory, "x25519")])).toThrow("it is a key of the kind x25519");
    expect(opening([path])).not.toThrow();
  });

  it("is refused where a key of hardware is described", () => {
    // As ssh-keygen writes it, with everything but the name left out.
    const kind = string("sk-ssh-ed25519@openssh.com");
    const inner = string(Buffer.concat([uint32(1), uint32(1), kind]));
    const none = string("none");
    const magic = Buffer.from("openssh-key-v1\0");
    const body = Buffer.concat([magic, none, none, string(""), uint32(1), string(""), inner]).toString(
      "base64",
    );
    const file = join(directory, "hardware");
    writeFileSync(file, `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`);
    expect(opening([file])).toThrow("cannot be used: it is a key of the kind sk-ssh-ed25519@openssh.com");
    writeFileSync(file, text(file).replace(body, body.slice(0, 40)));
    expect(opening([file])).toThrow("is no private key");
  });
});

/** Serves the agent while `act` is at work. */
async function served(agent: Agent, act: (socket: string) => Promise<void> | void): Promise<void> {
  // Longer than a socket's path may be.
  const folder = join(directory, "f".repeat(100));
  mkdirSync(folder, { recursive: true });
  const long = join(folder, "agent");
  const server = await serveAgent(agent, long);
  // The programs of OpenSSH know no way around that.
  const socket = join(directory, "short");
  try {
    execFileSync("ln", ["-sfn", folder, socket]);
    await act(join(socket, "agent"));
  } finally {
    server.close();
    await expect.poll(() => existsSync(long)).toBe(false);
  }
}

/** The program runs beside this process, which has to answer it. */
function asking(socket: string, program: string, args: string[], input = "") {
  return new Promise<{ code: number; said: string }>((resolve) => {
    const child = spawn(program, args, { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (s) => (said += s));
    child.stdin.end(input);
    child.once("close", (code) => resolve({ code: code ?? 255, said }));
  });
}

describe("an agent", () => {
  it("of keys lists them, without their comments, and signs what OpenSSH checks", async () => {
    const keys = [
      newKey("one", "-t", "ed25519"),
      newKey("two", "-t", "rsa", "-b", "2048"),
      newKey("three", "-t", "ecdsa", "-b", "384"),
    ];
    await served(agentOfKeys(keys.map(({ path }) => identityOf(text(path)))), async (socket) => {
      const { said } = await asking(socket, "ssh-add", ["-L"]);
      expect(
        said
          .trimEnd()
          .split("\n")
          .map((line) => line.trim()),
      ).toEqual(keys.map(({ line }) => line));
      for (const { path, line } of keys) {
        const pub = join(directory, "asked.pub");
        writeFileSync(pub, `${line}\n`);
        const { code, said } = await asking(
          socket,
          "ssh-keygen",
          ["-Y", "sign", "-n", "file", "-f", pub],
          "message",
        );
        expect({ path, code }).toEqual({ path, code: 0 });
        const signature = join(directory, "signature");
        writeFileSync(signature, said.slice(said.indexOf("-----BEGIN"), said.lastIndexOf("-----") + 6));
        const check = ["-Y", "check-novalidate", "-n", "file", "-s", signature];
        expect(asked("", "ssh-keygen", check, "message").said).toMatch(/^Good "file" signature/);
        expect(asked("", "ssh-keygen", check, "another").code).not.toBe(0);
      }
    });
  });

  it("answers requests that are split, joined and broken, and others beside them", async () => {
    const { path } = newKey("split", "-t", "ed25519");
    await served(agentOfKeys([identityOf(text(path))]), async (socket) => {
      const client = connect(socket);
      const answers = messagesOf(client);
      const list = framed(Buffer.of(11));
      client.write(Buffer.concat([list, list, list.subarray(0, 2)]));
      await sleep(20);
      client.write(list.subarray(2));
      for (let count = 0; count < 3; count++) expect((await answers.next()).value?.[0]).toBe(12);
      // A signature of nothing, and of a key that it does not have; a message that it does not know.
      client.write(framed(Buffer.of(13)));
      client.write(framed(Buffer.concat([Buffer.of(13), string("key"), string("data"), uint32(0)])));
      client.write(framed(Buffer.of(99)));
      for (let count = 0; count < 3; count++) expect((await answers.next()).value).toEqual(Buffer.of(5));
      const rude = connect(socket);
      rude.write(uint32(1 << 30));
      await new Promise((resolve) => rude.once("close", resolve));
      client.write(list);
      expect((await answers.next()).value?.[0]).toBe(12);
      client.destroy();
    });
  });

  it("at a socket is asked for keys and signatures, and for nothing that changes it", async () => {
    const { path, line } = newKey("theirs", "-t", "ed25519");
    const socket = join(directory, "agent");
    const theirs: ChildProcess = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    try {
      while (!existsSync(socket)) await sleep(10);
      execFileSync("ssh-add", ["-q", path], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
      await served(agentAt(socket), async (ours) => {
        expect((await asking(ours, "ssh-add", ["-L"])).said).toContain(line);
        const sign = ["-Y", "sign", "-n", "file", "-f", `${path}.pub`];
        expect((await asking(ours, "ssh-keygen", sign, "message")).said).toContain("BEGIN SSH SIGNATURE");
        for (const change of [["-D"], ["-d", path], [path], ["-t", "1", path]])
          expect({ change, code: (await asking(ours, "ssh-add", change)).code }).not.toMatchObject({
            code: 0,
          });
        expect((await asking(socket, "ssh-add", ["-L"])).said).toContain(line);
      });
    } finally {
      theirs.kill();
    }
    // It has gone: its clients hear that there is none.
    await served(agentAt(socket), async (ours) => {
      expect((await asking(ours, "ssh-add", ["-L"])).code).not.toBe(0);
    });
  });
});

it("a public key is the private one's", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const { blob, sign } = identityOf(pem);
  const reader = new Reader(sign(Buffer.from("x"), 0) as Buffer);
  expect(reader.name()).toBe("ssh-ed25519");
  expect(verify(null, Buffer.from("x"), createPublicKey(pem), reader.string())).toBe(true);
  expect(new Reader(blob).name()).toBe("ssh-ed25519");
});
