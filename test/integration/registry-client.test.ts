/** Logging in and out, credential helpers, tokens, lists of tags and searches, against registries on loopback. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import { findCredentials, storeCredentials } from "../../src/image/credentials.ts";
import { inspectManifest } from "../../src/image/inspect-manifest.ts";
import { knownLogin, login, logout } from "../../src/image/login.ts";
import { pull } from "../../src/image/pull.ts";
import { DEFAULT_POLICY } from "../../src/image/retry.ts";
import { searchImages } from "../../src/image/search.ts";
import { tagsOf } from "../../src/image/tags.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { gzipLayer } from "../support/tar-layer.ts";
import { startTlsRegistry } from "../support/tls-registry.ts";

const ACCOUNT = { user: "moby", password: "dick:1 ä" };
const CREDENTIALS = { username: ACCOUNT.user, password: ACCOUNT.password };
const policy = { ...DEFAULT_POLICY, attempts: 3, baseDelayMs: 5, maxDelayMs: 20, stallMs: 2000 };
const HUB = "https://index.docker.io/v1/";

let registry: TestRegistry;
let guarded: TestRegistry;
let proxy: FaultyProxy;
let directory: string;
let config: Config;
let authFile: string;

beforeAll(async () => {
  [registry, guarded] = await Promise.all([startRegistry(), startRegistry(ACCOUNT)]);
});
afterAll(() => Promise.all([registry.stop(), guarded.stop()]));
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-client-"));
  config = { ...loadConfig({ HOME: directory, TSRUN_CONFIG: "" }), "certs-dir": join(directory, "certs.d") };
  authFile = config["auth-file"];
  proxy = await startFaultyProxy(registry.url);
});
afterEach(async () => {
  await proxy.stop();
  rmSync(directory, { recursive: true });
});

const paths = () => ({ root: join(directory, "root"), run: join(directory, "run") });
const stored = () => JSON.parse(readFileSync(authFile, "utf8"));
function write(content: object): void {
  mkdirSync(join(directory, ".docker"), { recursive: true });
  writeFileSync(authFile, JSON.stringify(content));
}
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const image = { layers: [gzipLayer([{ path: "file", data: "x" }])] };

describe("login", () => {
  test("is tried at the registry, then kept in docker's file, which nobody else can read", async () => {
    write({
      HttpHeaders: { "X-Meta": "1" },
      psFormat: "table",
      auths: { "other.example": { auth: base64("a:b") } },
    });
    chmodSync(authFile, 0o644);
    const result = await login(config, { server: guarded.host, credentials: CREDENTIALS });
    expect(result).toEqual({ server: guarded.host, username: "moby", store: { file: authFile } });
    expect(stored()).toEqual({
      HttpHeaders: { "X-Meta": "1" },
      psFormat: "table",
      auths: {
        "other.example": { auth: base64("a:b") },
        [guarded.host]: { auth: base64("moby:dick:1 ä") },
      },
    });
    expect(statSync(authFile).mode & 0o777).toBe(0o600);
    expect(await knownLogin(config, `https://${guarded.host}/v2/`)).toEqual({
      server: guarded.host,
      username: "moby",
    });
    // Once more, with what is kept.
    expect(await login(config, { server: guarded.host })).toMatchObject({ store: undefined });
    await guarded.pushImage("private", ["1"], image);
    await pull({ paths: paths(), config }, `${guarded.host}/private:1`, { policy, platform: "linux/amd64" });
  });

  test("with a wrong password: refused, and nothing changes", async () => {
    await expect(
      login(config, { server: guarded.host, credentials: { username: "moby", password: "no" } }),
    ).rejects.toMatchObject({
      code: "ERR_TSRUN_LOGIN_DENIED",
      message: expect.stringContaining(`login attempt to ${guarded.host} failed: unauthorized: `),
    });
    expect(existsSync(authFile)).toBe(false);
    await expect(login(config, { server: guarded.host })).rejects.toMatchObject({
      code: "ERR_TSRUN_LOGIN_REQUIRED",
    });
  });

  test("at something that is no registry, or nowhere", async () => {
    proxy.fault = () => ({ kind: "answer", status: 404 });
    await expect(
      login(config, { server: proxy.host, credentials: CREDENTIALS, policy }),
    ).rejects.toMatchObject({
      code: "ERR_TSRUN_REGISTRY_FAILED",
      message: expect.stringContaining(`${proxy.host} is no registry`),
    });
    await expect(login(config, { server: "127.0.0.1:1", credentials: CREDENTIALS })).rejects.toMatchObject({
      code: "ERR_TSRUN_REGISTRY_UNREACHABLE",
    });
  });

  test("a link to the file stays one, and logins at once lose nothing", async () => {
    const file = join(directory, "dotfiles.json");
    mkdirSync(join(directory, ".docker"));
    writeFileSync(file, "{}");
    symlinkSync(file, authFile);
    const hosts = Array.from({ length: 20 }, (_, i) => `r${i}.example`);
    const credentials = { ...CREDENTIALS, identityToken: undefined };
    await Promise.all(hosts.map((host) => storeCredentials(authFile, host, credentials)));
    expect(Object.keys(JSON.parse(readFileSync(file, "utf8")).auths).sort()).toEqual(hosts.sort());
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("logout forgets every form of the name; docker's other keys stay", async () => {
    const auth = base64("a:b");
    write({
      credHelpers: {},
      auths: { [guarded.host]: { auth }, [`https://${guarded.host}/v1/`]: { auth }, [HUB]: { auth } },
    });
    expect(await logout(config, guarded.host)).toEqual({ server: guarded.host, removed: true });
    expect(stored()).toEqual({ credHelpers: {}, auths: { [HUB]: { auth } } });
    expect(await logout(config, guarded.host)).toEqual({ server: guarded.host, removed: false });
    expect(await logout(config, undefined)).toEqual({ server: HUB, removed: true });
  });
});

describe("at Docker Hub", () => {
  test("login speaks to its registry over TLS, and not to mirrors", async () => {
    const tls = await startTlsRegistry(guarded.url, directory, "registry-1.docker.io");
    try {
      mkdirSync(join(config["certs-dir"], tls.host), { recursive: true });
      copyFileSync(tls.certificate, join(config["certs-dir"], tls.host, "ca.crt"));
      config = { ...config, "registry-mirrors": [proxy.url] };
      config.proxies = { "http-proxy": "", "https-proxy": tls.proxyUrl, "no-proxy": "" };
      expect(await login(config, { credentials: CREDENTIALS })).toMatchObject({ server: HUB });
      expect(stored().auths).toEqual({ [HUB]: { auth: base64("moby:dick:1 ä") } });
      expect(new Set(tls.tunnels)).toEqual(new Set(["registry-1.docker.io:443"]));
      expect(proxy.seen).toEqual([]);
    } finally {
      await tls.stop();
    }
  });

  test("search asks its search host", async () => {
    const api = await startSearch();
    const tls = await startTlsRegistry(api.url, directory, "index.docker.io");
    try {
      config = { ...config, proxies: { "http-proxy": "", "https-proxy": tls.proxyUrl, "no-proxy": "" } };
      mkdirSync(join(config["certs-dir"], tls.host), { recursive: true });
      copyFileSync(tls.certificate, join(config["certs-dir"], tls.host, "ca.crt"));
      const found = await searchImages(config, "library/nginx", { limit: 3, policy });
      expect(found.map(({ name }) => name)).toEqual(["nginx", "team/nginx-proxy", "evil"]);
      expect(api.seen[0]).toBe("/v1/search?q=nginx&n=3");
    } finally {
      await tls.stop();
      await api.stop();
    }
  });
});

describe("credential helpers", () => {
  let path: string | undefined;
  /** Installs a helper that keeps its secrets in a file and notes how it is called. */
  function install(name: string, script?: string): void {
    const bin = join(directory, "bin");
    mkdirSync(bin, { recursive: true });
    const kept = join(directory, "kept");
    writeFileSync(
      join(bin, `docker-credential-${name}`),
      script ??
        `#!/bin/sh
mkdir -p ${kept}; input=$(cat); echo "$1 $input" >> ${kept}/calls
missing() { echo "credentials not found in native keychain"; exit 1; }
case $1 in
  store) echo "$input" > ${kept}/$(echo "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr '/:' '__') ;;
  get) cat ${kept}/$(echo "$input" | tr '/:' '__') 2> /dev/null || missing ;;
  erase) rm ${kept}/$(echo "$input" | tr '/:' '__') 2> /dev/null || missing ;;
esac
`,
      { mode: 0o755 },
    );
  }
  beforeEach(() => {
    path = process.env.PATH;
    process.env.PATH = `${join(directory, "bin")}:${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
  });
  const calls = () =>
    readFileSync(join(directory, "kept", "calls"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" ", 1)[0]);

  test("keep what a login brings, and give it back for a pull; the file has the host's name alone", async () => {
    install("test");
    write({ credsStore: "test" });
    const result = await login(config, { server: guarded.host, credentials: CREDENTIALS });
    expect(result.store).toEqual({ helper: "docker-credential-test" });
    expect(stored()).toEqual({ credsStore: "test", auths: { [guarded.host]: {} } });
    await guarded.pushImage("private", ["1"], image);
    await pull({ paths: paths(), config }, `${guarded.host}/private:1`, { policy, platform: "linux/amd64" });
    expect(await knownLogin(config, guarded.host)).toMatchObject({ username: "moby" });
    expect(calls()).toEqual(["store", "get", "get"]);
    expect(await logout(config, guarded.host)).toMatchObject({ removed: true });
    expect(stored()).toEqual({ credsStore: "test", auths: {} });
    expect(await knownLogin(config, guarded.host)).toBeUndefined();
    expect(await logout(config, guarded.host)).toMatchObject({ removed: false });
  });

  test("of one registry only; nobody is asked where the registry does not", async () => {
    install("one");
    write({ credHelpers: { "only.example": "one", [registry.host]: "one" } });
    await login(config, { server: guarded.host, credentials: CREDENTIALS });
    await registry.pushImage("open", ["1"], image);
    await pull({ paths: paths(), config }, `${registry.host}/open:1`, { policy, platform: "linux/amd64" });
    expect(existsSync(join(directory, "kept"))).toBe(false);
    expect(await findCredentials(authFile, "only.example")).toBeUndefined();
    expect(calls()).toEqual(["get"]);
  });

  test("identity tokens go by the user <token>", async () => {
    install("test");
    write({ credsStore: "test" });
    const token = { username: "moby", password: "", identityToken: "refresh" };
    await storeCredentials(authFile, "token.example", token);
    expect(readFileSync(join(directory, "kept", "calls"), "utf8")).toContain(
      '"Username":"<token>","Secret":"refresh"',
    );
    expect(await findCredentials(authFile, "token.example")).toEqual({ ...token, username: "" });
  });

  test("that are missing are named, with what names them", async () => {
    write({ credsStore: "nowhere" });
    await expect(login(config, { server: guarded.host, credentials: CREDENTIALS })).rejects.toMatchObject({
      code: "ERR_TSRUN_CREDENTIAL_HELPER_MISSING",
      message: expect.stringContaining("docker-credential-nowhere"),
      hint: expect.stringContaining(`"credsStore" in ${authFile}`),
    });
    await expect(
      pull({ paths: paths(), config }, `${guarded.host}/private:1`, { policy }),
    ).rejects.toMatchObject({ code: "ERR_TSRUN_CREDENTIAL_HELPER_MISSING" });
    write({ auths: { [guarded.host]: {} } });
    await expect(
      pull({ paths: paths(), config }, `${guarded.host}/private:1`, { policy }),
    ).rejects.toMatchObject({
      code: "ERR_TSRUN_PULL_DENIED",
    });
  });

  test.each([
    ["#!/bin/sh\necho 'the keychain is locked'; exit 1\n", "the keychain is locked"],
    ["#!/bin/sh\necho 'no display' >&2; exit 3\n", "no display"],
    ["#!/bin/sh\necho 'hello'\n", "without Username and Secret"],
    ["#!/bin/sh\nexit 1\n", "Command failed"],
    ["#!/bin/sh\nhead -c 3000000 /dev/zero\n", "maxBuffer"],
  ])("that fail are quoted: %j", async (script, said) => {
    install("broken", script);
    write({ credHelpers: { "x.example": "broken" } });
    await expect(findCredentials(authFile, "x.example")).rejects.toMatchObject({
      code: "ERR_TSRUN_CREDENTIAL_HELPER_FAILED",
      message: expect.stringMatching(
        new RegExp(`docker-credential-broken failed to get .*x.example: .*${said}`),
      ),
    });
  });
});

describe("tokens", () => {
  /** A registry with an authorization service by the book, OAuth2's refresh tokens included. */
  async function startTokens() {
    const asked: { method: string; url: URL; form: URLSearchParams; authorization: string | undefined }[] =
      [];
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const url = new URL(request.url ?? "", "http://x");
      if (url.pathname !== "/token") return forward(request, response);
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      asked.push({ method: request.method ?? "", url, form, authorization: request.headers.authorization });
      if (service.redirect !== undefined)
        return void response.writeHead(307, { Location: service.redirect }).end();
      if (request.method === "POST" && form.get("refresh_token") !== "refresh-1")
        return void response
          .writeHead(400)
          .end('{"error":"invalid_grant","error_description":"it has ended"}');
      if (request.method === "GET" && request.headers.authorization !== `Basic ${base64("moby:pw")}`)
        return void response.writeHead(401).end('{"details":"incorrect username or password"}');
      const offline = url.searchParams.has("offline_token") ? { refresh_token: "refresh-1" } : {};
      response.end(JSON.stringify({ access_token: "access", expires_in: 300, ...offline }));
    });
    const forward = (request: IncomingMessage, response: ServerResponse): void => {
      if (request.headers.authorization !== "Bearer access") {
        const challenge = `Bearer realm="${service.url}/token",service="svc"`;
        response.setHeader("WWW-Authenticate", challenge).writeHead(401).end("{}");
        return;
      }
      void fetch(new URL(request.url ?? "", registry.url), {
        headers: { accept: request.headers.accept ?? "*/*" },
      }).then(async (answer) => {
        const type = answer.headers.get("content-type") ?? "";
        response
          .writeHead(answer.status, { "Content-Type": type })
          .end(Buffer.from(await answer.arrayBuffer()));
      });
    };
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const service = {
      host,
      url: `http://${host}`,
      asked,
      redirect: undefined as string | undefined,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
    return service;
  }

  test("a login exchanges the password for a refresh token, which pulls use from then on", async () => {
    await using service = await startTokens();
    await login(config, { server: service.host, credentials: { username: "moby", password: "pw" } });
    expect(Object.fromEntries(service.asked[0]?.url.searchParams ?? [])).toEqual({
      service: "svc",
      account: "moby",
      offline_token: "true",
      client_id: "tsrun",
    });
    expect(stored().auths[service.host]).toEqual({ auth: base64("moby:"), identitytoken: "refresh-1" });
    expect(readFileSync(authFile, "utf8")).not.toContain(base64("moby:pw"));

    await registry.pushImage("app", ["1"], image);
    await pull({ paths: paths(), config }, `${service.host}/app:1`, { policy, platform: "linux/amd64" });
    const [, exchange, ...more] = service.asked;
    expect(more).toEqual([]);
    expect(exchange).toMatchObject({ method: "POST", authorization: undefined });
    expect(Object.fromEntries(exchange?.form ?? [])).toEqual({
      grant_type: "refresh_token",
      client_id: "tsrun",
      scope: "repository:app:pull",
      refresh_token: "refresh-1",
      service: "svc",
    });
  });

  test("a refresh token that has ended asks for a new login", async () => {
    await using service = await startTokens();
    write({ auths: { [service.host]: { identitytoken: "refresh-0" } } });
    await expect(pull({ paths: paths(), config }, `${service.host}/app:1`, { policy })).rejects.toMatchObject(
      {
        code: "ERR_TSRUN_PULL_DENIED",
        message: expect.stringContaining("it has ended"),
        hint: expect.stringContaining(`tsrun login ${service.host}`),
      },
    );
    await expect(login(config, { server: service.host })).rejects.toMatchObject({
      code: "ERR_TSRUN_LOGIN_DENIED",
    });
  });

  test("a refresh token does not follow a redirect to another host", async () => {
    await using service = await startTokens();
    write({ auths: { [service.host]: { identitytoken: "refresh-1" } } });
    service.redirect = `${proxy.url}/steal`;
    await expect(pull({ paths: paths(), config }, `${service.host}/app:1`, { policy })).rejects.toMatchObject(
      {
        code: "ERR_TSRUN_REGISTRY_FAILED",
      },
    );
    expect(proxy.seen).toEqual([]);
  });

  test("nor does a password", async () => {
    await using service = await startTokens();
    write({ auths: { [service.host]: { auth: base64("moby:pw") } } });
    service.redirect = `${proxy.url}/token`;
    proxy.bearer = {};
    await pull({ paths: paths(), config }, `${service.host}/app:1`, { policy }).catch(() => {});
    expect(proxy.seen.map(({ url }) => url.split("?", 1)[0])).toEqual(["/token"]);
    expect(proxy.seen[0]?.headers.authorization).toBeUndefined();
  });

  test("a registry with TLS that wants the password in clear does not get it", async () => {
    await using service = await startTokens();
    const tls = await startTlsRegistry(service.url, directory);
    try {
      const proxies = { "http-proxy": "", "https-proxy": tls.proxyUrl, "no-proxy": "" };
      config = { ...config, proxies, "insecure-registries": [tls.host] };
      await expect(
        login(config, { server: tls.host, credentials: { username: "moby", password: "pw" }, policy }),
      ).rejects.toMatchObject({
        code: "ERR_TSRUN_AUTH_INVALID",
        message: expect.stringContaining("in clear"),
      });
      expect(service.asked).toEqual([]);
    } finally {
      await tls.stop();
    }
  });
});

describe("tags", () => {
  test("page by page, by the Link header, which may name any host", async () => {
    const names = ["a", "b", "c", "d", "e"];
    proxy.fault = ({ url }) => {
      const { pathname, searchParams } = new URL(url, "http://x");
      if (pathname !== "/v2/paged/tags/list") return undefined;
      const from = names.indexOf(searchParams.get("last") ?? "") + 1;
      const tags = names.slice(from, from + 2);
      const next = `<https://elsewhere.example/v2/paged/tags/list?last=${tags.at(-1)}&n=2>; rel="next"`;
      return {
        kind: "answer",
        status: 200,
        headers: from + 2 < names.length ? { Link: next } : {},
        body: JSON.stringify({ name: "paged", tags }),
      };
    };
    expect(await tagsOf(config, `${proxy.host}/paged`, { policy })).toEqual(names);
    expect(proxy.seen.map(({ url }) => url.split("?")[1])).toEqual([undefined, "last=b&n=2", "last=d&n=2"]);
  });

  test("a list without end, one that is none, and one without tags", async () => {
    const answer = (body: string) => ({
      kind: "answer" as const,
      status: 200,
      headers: { Link: '</v2/x/tags/list?last=a>; rel="next"' },
      body,
    });
    for (const body of ['{"tags":["a"]}', '{"tags":"a"}', '{"tags":[1]}']) {
      proxy.fault = () => answer(body);
      await expect(tagsOf(config, `${proxy.host}/x`, { policy }), body).rejects.toMatchObject({
        code: "ERR_TSRUN_REGISTRY_FAILED",
      });
    }
    proxy.fault = () => ({ kind: "answer", status: 200, body: '{"tags":null}' });
    await expect(tagsOf(config, `${proxy.host}/x`, { policy })).rejects.toThrow("has no tags");
    proxy.fault = () => undefined;
    await expect(tagsOf(config, `${proxy.host}/missing/name`, { policy })).rejects.toMatchObject({
      code: "ERR_TSRUN_MANIFEST_NOT_FOUND",
    });
    expect(await tagsOf(config, "tsrun/base")).toEqual(["latest"]);
  });
});

/** A server that speaks Docker Hub's search. */
async function startSearch() {
  const seen: string[] = [];
  const results = [
    { name: "nginx", description: "Official build of Nginx.", star_count: 20_000, is_official: true },
    { name: "team/nginx-proxy", description: "A proxy\nin two lines", star_count: 7, is_automated: true },
    { name: "evil", description: "\u001b[2Jgone", star_count: "many" },
    { description: "without a name" },
    null,
  ];
  const server = createServer((request, response) => {
    seen.push(request.url ?? "");
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    if (pathname !== "/v1/search") return void response.writeHead(404).end();
    const word = searchParams.get("q") ?? "";
    response.end(JSON.stringify({ num_results: 3, query: word, results: word === "none" ? [] : results }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    seen,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("search", () => {
  test("in a registry that has one: names as they can be pulled, nothing that moves a cursor", async () => {
    const api = await startSearch();
    try {
      const found = await searchImages(config, `${api.host}/nginx`, { policy });
      expect(api.seen).toEqual(["/v1/search?q=nginx&n=25"]);
      expect(found).toEqual([
        {
          name: `${api.host}/nginx`,
          description: "Official build of Nginx.",
          stars: 20_000,
          official: true,
          automated: false,
        },
        {
          name: `${api.host}/team/nginx-proxy`,
          description: "A proxy in two lines",
          stars: 7,
          official: false,
          automated: true,
        },
        { name: `${api.host}/evil`, description: " [2Jgone", stars: 0, official: false, automated: false },
      ]);
      expect(await searchImages(config, `${api.host}/none`, { policy })).toEqual([]);
    } finally {
      await api.stop();
    }
  });

  test("in a registry that has none: through its catalog, with the user's credentials", async () => {
    for (const name of ["team/web", "team/worker", "other"]) await guarded.pushImage(name, ["1"], image);
    await expect(searchImages(config, `${guarded.host}/team`, { policy })).rejects.toMatchObject({
      code: "ERR_TSRUN_SEARCH_DENIED",
    });
    await login(config, { server: guarded.host, credentials: CREDENTIALS });
    const names = async (term: string, limit?: number) =>
      (await searchImages(config, `${guarded.host}/${term}`, { policy, ...(limit && { limit }) })).map(
        ({ name }) => name,
      );
    expect(await names("team")).toEqual([`${guarded.host}/team/web`, `${guarded.host}/team/worker`]);
    expect(await names("WEB")).toEqual([`${guarded.host}/team/web`]);
    expect(await names("team", 1)).toHaveLength(1);
  });

  test.each([
    ["https://ghcr.io/x", 25],
    ["x", 0],
    ["x", 101],
  ])("%s with limit %i is refused before anybody is asked", async (term, limit) => {
    await expect(searchImages(config, term, { limit })).rejects.toMatchObject({
      code: "ERR_TSRUN_SEARCH_INVALID",
    });
  });
});

describe("manifests", () => {
  test("are shown as the registry has them, whatever they are of", async () => {
    const members = [];
    for (const architecture of ["amd64", "arm64"])
      members.push(await registry.pushImage("shown", [], { ...image, architecture }));
    const index = await registry.pushIndex("shown", ["1"], members);
    const name = `${registry.host}/shown:1`;
    const shown = await inspectManifest(config, name, { policy });
    expect(shown).toMatchObject({ reference: name, digest: index.digest, members: [] });
    expect(JSON.parse(shown.bytes.toString()).manifests).toHaveLength(2);
    const verbose = await inspectManifest(config, name, { policy, verbose: true });
    expect(verbose.members).toMatchObject(
      members.map(({ digest, size, platform }) => ({
        reference: `${name}@${digest}`,
        digest,
        size,
        platform,
      })),
    );
    const pinned = `${registry.host}/shown@${members[1]?.digest}`;
    expect(await inspectManifest(config, pinned, { policy, verbose: true })).toMatchObject({
      reference: pinned,
      platform: { os: "linux", architecture: "arm64" },
    });
    const chart = await registry.pushBlob("chart", Buffer.from("{}"));
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const helm = { mediaType: "application/vnd.cncf.helm.config.v1+json", ...chart };
    await registry.pushManifest("chart", ["1"], {
      mediaType,
      document: { schemaVersion: 2, config: helm, layers: [] },
    });
    const artifact = await inspectManifest(config, `${registry.host}/chart:1`, { policy, verbose: true });
    expect(artifact).toMatchObject({ mediaType, members: [] });
    expect(artifact.platform).toBeUndefined();
  });

  test("of an insecure registry with --insecure only", async () => {
    await registry.pushImage("tls", ["1"], image);
    const tls = await startTlsRegistry(registry.url, directory);
    try {
      config = { ...config, proxies: { "http-proxy": "", "https-proxy": tls.proxyUrl, "no-proxy": "" } };
      const name = `${tls.host}/tls:1`;
      await expect(inspectManifest(config, name, { policy })).rejects.toMatchObject({
        code: "ERR_TSRUN_REGISTRY_UNREACHABLE",
      });
      expect(await inspectManifest(config, name, { policy, insecure: true })).toMatchObject({
        reference: name,
      });
    } finally {
      await tls.stop();
    }
  });
});
