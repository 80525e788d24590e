import { describe, expect, test } from "vitest";
import { resolvConf } from "../../../src/network/resolv-conf.ts";

const bridge = { sharesHostNetwork: false };
const STUB = "# managed by systemd-resolved\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n";

describe("on the bridge", () => {
  test("the host's servers, search list and options are inherited, its comments are not", () => {
    const host =
      "; a comment\n# another\nsearch example.org lan\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:2\n";
    expect(resolvConf({ ...bridge, host })).toBe(
      "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch example.org lan\noptions ndots:2\n",
    );
  });

  test("systemd-resolved's stub is replaced by the servers behind it", () => {
    const upstream = "nameserver 192.168.1.1\nsearch lan\n";
    expect(resolvConf({ ...bridge, host: STUB, upstream })).toBe("nameserver 192.168.1.1\nsearch lan\n");
  });

  test("a file that names real servers is used even where systemd-resolved runs", () => {
    const host = "nameserver 10.0.0.1\n";
    expect(resolvConf({ ...bridge, host, upstream: "nameserver 192.168.1.1\n" })).toBe(host);
  });

  test("servers on the host's loopback and IPv6 ones are left out", () => {
    const host = "nameserver 127.0.0.1\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver 10.0.0.1\n";
    expect(resolvConf({ ...bridge, host })).toBe("nameserver 10.0.0.1\n");
  });

  test("where no server remains, docker's fallback is used", () => {
    const fallback = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";
    expect(resolvConf({ ...bridge, host: "" })).toBe(fallback);
    expect(resolvConf({ ...bridge, host: "nameserver 127.0.0.1\n" })).toBe(fallback);
    expect(resolvConf({ ...bridge, host: STUB })).toBe(`${fallback}search lan\noptions edns0 trust-ad\n`);
  });

  test("of search and domain the last one counts", () => {
    const host = "nameserver 10.0.0.1\nsearch a b\ndomain c\n";
    expect(resolvConf({ ...bridge, host })).toBe("nameserver 10.0.0.1\nsearch c\n");
  });
});

test("with the host's network the host's servers stay, the stub included", () => {
  expect(resolvConf({ sharesHostNetwork: true, host: STUB, upstream: "nameserver 192.168.1.1\n" })).toBe(
    "nameserver 127.0.0.53\nsearch lan\noptions edns0 trust-ad\n",
  );
});

describe("what the user gives", () => {
  const host = "nameserver 10.0.0.1\nsearch lan\noptions ndots:2\n";

  test("replaces each of the host's lists on its own", () => {
    expect(resolvConf({ ...bridge, host, dns: ["1.1.1.1", "127.0.0.1"] })).toBe(
      "nameserver 1.1.1.1\nnameserver 127.0.0.1\nsearch lan\noptions ndots:2\n",
    );
    expect(resolvConf({ ...bridge, host, search: ["a", "b"], options: ["timeout:1"] })).toBe(
      "nameserver 10.0.0.1\nsearch a b\noptions timeout:1\n",
    );
    expect(resolvConf({ ...bridge, host, dns: [], search: [], options: [] })).toBe(host);
  });

  test('a search of "." clears the list', () => {
    expect(resolvConf({ ...bridge, host, search: ["."] })).toBe("nameserver 10.0.0.1\noptions ndots:2\n");
  });

  test("a server that is not an address is refused", () => {
    expect(() => resolvConf({ ...bridge, host, dns: ["dns.example"] })).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_DNS_INVALID", message: "dns.example is not an ip address" }),
    );
  });
});

describe("with a name server of its own", () => {
  const ownServer = "127.0.0.11";

  test("that one alone is named; the search list and options stay the host's", () => {
    const host = "nameserver 10.0.0.1\nsearch lan\noptions edns0 trust-ad\n";
    expect(resolvConf({ ...bridge, host, ownServer })).toBe(
      "nameserver 127.0.0.11\nsearch lan\noptions edns0 trust-ad ndots:0\n",
    );
  });

  test("--dns is for it to ask, but still has to be an address", () => {
    const options = { ...bridge, host: "", ownServer };
    expect(resolvConf({ ...options, dns: ["10.1.1.1"] })).toBe("nameserver 127.0.0.11\noptions ndots:0\n");
    expect(() => resolvConf({ ...options, dns: ["nonsense"] })).toThrow("nonsense is not an ip address");
  });

  test("how many dots a name needs stays as it was asked for", () => {
    const host = "nameserver 10.0.0.1\noptions ndots:5\n";
    expect(resolvConf({ ...bridge, host, ownServer })).toContain("\noptions ndots:5\n");
    expect(resolvConf({ ...bridge, host, ownServer, options: ["ndots:2", "rotate"] })).toContain(
      "\noptions ndots:2 rotate\n",
    );
  });
});
