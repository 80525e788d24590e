import { describe, expect, it } from "vitest";
import { compile } from "../../../../src/cli/template/template.ts";
import { goMap, goNilMap, goSlice, goStruct } from "../../../../src/cli/template/values.ts";

const data = {
  ID: "abc",
  Count: 3,
  Running: true,
  Names: ["a", "b"],
  Empty: goSlice<string>(undefined),
  State: { Status: "running", Pid: 7, Health: null },
  HostConfig: goStruct({ Init: true, Sysctls: goNilMap({}) }, { Init: null, Tmpfs: goNilMap({}), Shell: "" }),
  Mounts: [
    { Source: "/a", RW: true },
    { Source: "/b", RW: false },
  ],
  Labels: goMap({ "com.x": "1", b: "2" }),
  Label: (name: string) => `<${name}>`,
};

const render = (template: string) => compile(template).execute(data);

describe("templates", () => {
  it.each([
    ["plain", "plain"],
    ["{{.ID}}", "abc"],
    ["{{ .State.Status }}:{{.State.Pid}}", "running:7"],
    ["{{.Names}} {{.Labels}} {{.Running}}", "[a b] map[b:2 com.x:1] true"],
    ["{{.Empty}}{{json .Empty}}", "[]null"],
    ["{{.State.Health}}", "<nil>"],
    ["{{.HostConfig.Init}}{{.HostConfig.Tmpfs}}{{if .HostConfig.Shell}}yes{{else}}no{{end}}", "truemap[]no"],
    ["{{json .HostConfig}}", '{"Init":true,"Sysctls":null}'],
    ["{{.Labels.none}}", "<no value>"],
    ['{{index .Labels "com.x"}}', "1"],
    ['{{index .Labels "none"}}|', "|"],
    ["{{index .Names 1}}", "b"],
    ["{{(index .Mounts 0).Source}}", "/a"],
    ['{{.Label "com.x"}}', "<com.x>"],
    ["{{json .State}}", '{"Status":"running","Pid":7,"Health":null}'],
    ["{{.State | json}}", '{"Status":"running","Pid":7,"Health":null}'],
    ['{{join .Names ","}}', "a,b"],
    ['{{.ID | upper | printf "%s-%s" "x" | len}}', "5"],
    ['{{printf "%-5s|%5.1f|%05d|%q|%v" .ID 2.25 42 "x" .Names}}', 'abc  |  2.3|00042|"x"|[a b]'],
    ['{{printf "%d" "x"}}{{printf "%s"}}', "%!d(string=x)%!s(MISSING)"],
    ['{{split "a:b" ":"}}', "[a b]"],
    ['{{title "hello world"}} {{lower "ABC"}}', "Hello World abc"],
    ['{{truncate "abcdef" 3}}{{pad "x" 1 2}}|', "abc x  |"],
    ["{{println 1 2}}", "1 2\n"],
    ['{{print 1 2 "x" 3}}', "1 2x3"],
    ['{{`raw`}}{{"a\\tb\\u0041"}}', "rawa\tbA"],
    ["{{len .Names}}{{len .ID}}{{len .Labels}}", "232"],
    ["{{slice .ID 1 2}}", "b"],
    ['{{urlquery "a b&c/é*"}}', "a+b%26c%2F%C3%A9%2A"],
    ["{{html \"<a href='x'>\"}}", "&lt;a href=&#39;x&#39;&gt;"],
    ['{{js "a\\"<b>\\n"}}', 'a\\"\\u003Cb\\u003E\\u000A'],
    ["{{.}}", "{abc 3 true [a b] [] {running 7 <nil>} {true map[]} [{/a true} {/b false}] map[b:2 com.x:1]}"],
    ['{{printf "%.1e|%g|%x" 1.5 1.5 "hi"}}', "1.5e+00|1.5|6869"],
  ])("%s", (template, expected) => {
    expect(render(template)).toBe(expected);
  });

  it.each([
    ["{{if .Running}}yes{{else}}no{{end}}", "yes"],
    ["{{if .Empty}}yes{{else if .Running}}maybe{{else}}no{{end}}", "maybe"],
    ["{{if and .Running (eq .Count 3)}}x{{end}}", "x"],
    ["{{if or .Empty (not .Running)}}x{{end}}", ""],
    ["{{if and false .Nope}}x{{else}}short{{end}}", "short"],
    ['{{eq .ID "x" "abc"}}{{ne 1 2}}{{lt 1 2}}{{ge 1 2}}', "truetruetruefalse"],
    ["{{range .Mounts}}{{.Source}} {{end}}", "/a /b "],
    ["{{range .Empty}}x{{else}}none{{end}}", "none"],
    ["{{range $i, $n := .Names}}{{$i}}={{$n}};{{end}}", "0=a;1=b;"],
    ["{{range $k, $v := .Labels}}{{$k}}{{$v}} {{end}}", "b2 com.x1 "],
    ['{{range .Names}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"],
    ['{{range .Names}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', "b"],
    ["{{range 3}}{{.}}{{end}}", "012"],
    ["{{with .State}}{{.Pid}}{{$.ID}}{{end}}", "7abc"],
    ["{{with .Empty}}x{{else}}y{{end}}", "y"],
    ["{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"],
    ["{{$x := .State}}{{$x.Pid}}", "7"],
    ["a {{- .ID -}} b{{/* comment */}}c", "aabcbc"],
    ["{{- /* gone */ -}} x", "x"],
    ['{{define "n"}}<{{.}}>{{end}}{{range .Names}}{{template "n" .}}{{end}}', "<a><b>"],
    ['{{template "late" .State}}{{define "late"}}{{.Pid}}{{$.Pid}}{{end}}', "77"],
    ['{{define "a"}}{{.}}{{end}}{{template "a"}}', "<no value>"],
    ['{{block "b" .Names}}{{len .}}{{end}}{{template "b" .ID}}', "23"],
    ['{{range .Names}}{{block "c" .}}{{.}};{{end}}{{end}}', "a;b;"],
    ['{{define "d"}}{{if .}}{{.}}{{template "d" (slice . 1)}}{{end}}{{end}}{{template "d" .ID}}', "abcbcc"],
    ['{{printf "%T %T %T %T %T" .ID .Count .Running .Names nil}}', "string int bool []string <nil>"],
  ])("%s", (template, expected) => {
    expect(render(template)).toBe(expected);
  });

  it.each([
    ["{{", ":1: unclosed action"],
    ["{{.ID", ":1: unclosed action"],
    ["{{foo}}", ':1: function "foo" not defined'],
    ["{{end}}", ":1: unexpected {{end}}"],
    ["{{if .ID}}x", ":1: unexpected EOF"],
    ["{{if}}x{{end}}", ":1: missing value for if"],
    ["{{}}", ":1: missing value for command"],
    ['{{"abc}}', ":1: unterminated quoted string"],
    ["{{range .Names}}{{end}}{{break}}", ":1: {{break}} outside {{range}}"],
    ["{{(.ID}}", ":1: unclosed left paren"],
    ["x\n{{foo}}", ':2: function "foo" not defined'],
    ["{{template}}", "missing name in template clause"],
    ["{{template .ID}}", "in template clause"],
    ['{{block "x"}}{{end}}', "missing value for block clause"],
    ['{{define "x"}}', "unexpected EOF"],
    ['{{if .ID}}{{define "x"}}{{end}}{{end}}', "unexpected {{define}}"],
    ['{{define "x"}}{{end}}{{define "x"}}{{end}}', 'multiple definition of template "x"'],
    ['{{range .Names}}{{block "x" .}}{{break}}{{end}}{{end}}', "{{break}} outside {{range}}"],
    ["{{if .ID}}a{{else}}b{{else}}c{{end}}", "expected end; found {{else}}"],
  ])("does not parse %s", (template, message) => {
    expect(() => compile(template)).toThrow(message);
  });

  it.each([
    ["{{.Nope}}", ':1:2: executing "" at <.Nope>: map has no entry for key "Nope"'],
    ["{{.State.Nope}}", 'at <.State.Nope>: map has no entry for key "Nope"'],
    ["{{.State.Health.Status}}", 'nil data; no entry for key "Status"'],
    ["{{.ID.Foo}}", "can't evaluate field Foo in type string"],
    ["{{index .Names 9}}", "error calling index: index out of range: 9"],
    ['{{join .ID ","}}', "error calling join: wrong type for value; expected []string; got string"],
    ["{{eq .ID}}", "error calling eq: missing argument for comparison"],
    ['{{template "x"}}', 'executing "" at <{{template "x"}}>: template "x" not defined'],
    ['{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}', "exceeded maximum template depth"],
    ["{{$nope}}", 'undefined variable "$nope"'],
    ["{{range .State}}{{end}}", "range can't iterate over"],
    ['{{lt 1 "a"}}', "incompatible types for comparison"],
  ])("does not execute %s", (template, message) => {
    expect(() => render(template)).toThrow(message);
  });
});
