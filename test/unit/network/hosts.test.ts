import { expect, test } from "vitest";
import { hostsFile } from "../../../src/network/hosts.ts";

const STANDARD = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

test("without a network there are the standard lines alone", () => {
  expect(hostsFile({})).toBe(STANDARD);
});

test("the container's own address comes last", () => {
  const own = { addresses: ["172.17.0.2"], hostname: "web" };
  expect(hostsFile({ own, extraHosts: ["db:10.0.0.7"] })).toBe(`${STANDARD}10.0.0.7\tdb\n172.17.0.2\tweb\n`);
  expect(hostsFile({ own: { ...own, domainname: "example.org" } })).toBe(
    `${STANDARD}172.17.0.2\tweb.example.org web\n`,
  );
});

test.each([
  ["db=10.0.0.7", "10.0.0.7\tdb\n"],
  ["db:::1", "::1\tdb\n"],
  ["db:[fd00::7]", "fd00::7\tdb\n"],
  ["host.docker.internal:host-gateway", "172.17.0.1\thost.docker.internal\n"],
])("--add-host %s", (entry, line) => {
  expect(hostsFile({ extraHosts: [entry], hostGateway: "172.17.0.1" })).toBe(STANDARD + line);
});

test.each(["db", ":10.0.0.7", "db:", "db:nonsense", "d b:10.0.0.7", "db:10.0.0"])(
  "--add-host %j is refused",
  (entry) => {
    expect(() => hostsFile({ extraHosts: [entry] })).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_ADD_HOST_INVALID" }),
    );
  },
);

test("host-gateway needs a gateway", () => {
  expect(() => hostsFile({ extraHosts: ["h:host-gateway"] })).toThrow(
    expect.objectContaining({ code: "ERR_TSRUN_ADD_HOST_INVALID" }),
  );
});

test("the host's own file is extended on a line of its own", () => {
  expect(hostsFile({ base: "127.0.0.1 localhost", extraHosts: ["db:10.0.0.7"] })).toBe(
    "127.0.0.1 localhost\n10.0.0.7\tdb\n",
  );
});
