import { describe, expect, test } from "vitest";
import {
  attribute,
  decodeAttributes,
  decodeMessages,
  decodeString,
  encodeMessage,
  nested,
  stringAttribute,
  u32Attribute,
} from "../../../src/kernel/netlink-message.ts";

const hex = (bytes: Buffer): string => bytes.toString("hex").replace(/(.{8})(?=.)/g, "$1 ");
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("encoding", () => {
  test("a message starts with length, type, flags, sequence and port", () => {
    const request = {
      operation: "RTM_GETLINK",
      subject: "lo",
      type: 18,
      flags: 0x300,
      body: bytes("01020304 05"),
    };
    // Length 21 without the padding that aligns the next message.
    expect(hex(encodeMessage(request, 1, 7))).toBe("15000000 12000103 07000000 00000000 01020304 05000000");
  });

  test("an attribute's length counts its header and not its padding", () => {
    expect(hex(stringAttribute(3, "eth0"))).toBe("09000300 65746830 00000000");
    expect(hex(u32Attribute(10, 0x01020304))).toBe("08000a00 04030201");
    expect(hex(attribute(1, Buffer.alloc(0)))).toBe("04000100");
  });

  test("nested attributes carry the flag that says so", () => {
    expect(hex(nested(18, stringAttribute(1, "veth"), u32Attribute(2, 1)))).toBe(
      "18001280 09000100 76657468 00000000 08000200 01000000",
    );
  });
});

describe("decoding", () => {
  test("finds every message in what was received", () => {
    const received = bytes(
      "11000000 10000200 05000000 00000000 aa000000 10000000 03000000 06000000 00000000",
    );
    expect([...decodeMessages(received)]).toEqual([
      { type: 16, flags: 2, sequence: 5, body: bytes("aa") },
      { type: 3, flags: 0, sequence: 6, body: bytes("") },
    ]);
  });

  test("stops at a message that claims more than was received, or less than a header", () => {
    expect([...decodeMessages(bytes("20000000 10000000 05000000 00000000"))]).toEqual([]);
    expect([...decodeMessages(bytes("00000000 10000000 05000000 00000000"))]).toEqual([]);
  });

  test("attributes are found by type, without the nested flag", () => {
    const attributes = decodeAttributes(bytes("05000300 61000000 08001280 04030201"));
    expect(attributes.get(3)).toEqual(bytes("61"));
    expect(attributes.get(18)).toEqual(bytes("04030201"));
    expect(decodeAttributes(bytes("09000300 61")).size).toBe(0);
    expect(decodeAttributes(bytes("00000300 61000000")).size).toBe(0);
  });

  test("a string ends at its zero byte or with the attribute", () => {
    expect(decodeString(bytes("6c6f0078"))).toBe("lo");
    expect(decodeString(bytes("6c6f"))).toBe("lo");
    expect(decodeString(undefined)).toBeUndefined();
  });
});
