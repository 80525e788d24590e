import { describe, expect, test } from "vitest";
import { parseExpose, parsePublish } from "../../../../src/cli/options/publish.ts";

const tcp = { protocol: "tcp" } as const;
const at = (first: number, last = first) => ({ hostPorts: { first, last } });

describe("parsePublish", () => {
  test.each([
    ["80", [{ ...tcp, containerPort: 80 }]],
    ["8080:80", [{ ...tcp, containerPort: 80, ...at(8080) }]],
    ["0:80", [{ ...tcp, containerPort: 80 }]],
    [":80", [{ ...tcp, containerPort: 80 }]],
    ["53:53/udp", [{ protocol: "udp", containerPort: 53, ...at(53) }]],
    ["9:9/SCTP", [{ protocol: "sctp", containerPort: 9, ...at(9) }]],
    ["127.0.0.1:8080:80", [{ ...tcp, containerPort: 80, ...at(8080), hostAddress: "127.0.0.1" }]],
    ["127.0.0.1::80", [{ ...tcp, containerPort: 80, hostAddress: "127.0.0.1" }]],
    ["[::1]:8080:80", [{ ...tcp, containerPort: 80, ...at(8080), hostAddress: "::1" }]],
    ["8000-8010:80", [{ ...tcp, containerPort: 80, ...at(8000, 8010) }]],
    [
      "8000-8001:80-81",
      [
        { ...tcp, containerPort: 80, ...at(8000) },
        { ...tcp, containerPort: 81, ...at(8001) },
      ],
    ],
    [
      "80-81",
      [
        { ...tcp, containerPort: 80 },
        { ...tcp, containerPort: 81 },
      ],
    ],
    ["target=80,published=8080", [{ ...tcp, containerPort: 80, ...at(8080) }]],
    ["published=53,target=53,protocol=udp,mode=host", [{ protocol: "udp", containerPort: 53, ...at(53) }]],
  ])("%s", (text, expected) => {
    expect(parsePublish(text)).toEqual(expected);
  });

  test.each([
    ["", "no port specified: <empty>"],
    ["8080:", "no port specified: 8080:<empty>"],
    ["web", "invalid containerPort: web"],
    ["80:web", "invalid containerPort: web"],
    ["x:80", "invalid hostPort: x"],
    ["80/icmp", "invalid proto: icmp"],
    ["70000:80", "invalid hostPort: 70000"],
    ["81-80:80", "invalid hostPort: 81-80"],
    ["0", "invalid containerPort: 0"],
    ["8000-8003:80-81", "invalid ranges specified for container and host Ports: 80-81 and 8000-8003"],
    ["1.2.3:80:80", "invalid IP address: 1.2.3"],
    ["target=80,port=1", "invalid publish opts format"],
  ])("refuses %j", (text, message) => {
    expect(() => parsePublish(text)).toThrow(message);
  });
});

test("parseExpose", () => {
  expect(parseExpose("80")).toEqual(["80/tcp"]);
  expect(parseExpose("8000-8001/udp")).toEqual(["8000/udp", "8001/udp"]);
  expect(() => parseExpose("a")).toThrow("invalid range format for --expose: a");
});
