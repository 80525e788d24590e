/** Another machine that plays the internet: a network namespace at the other end of a link of the host. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { CliResult } from "../../support/cli.ts";

type Shell = (line: string) => Promise<CliResult>;

export interface Outside extends AsyncDisposable {
  /** Its addresses. */
  readonly address: string;
  readonly address6: string;
  /** The host's, on the link between the two. */
  readonly hostAddress: string;
  readonly hostAddress6: string;
  /** Runs a line of a shell there. */
  sh(line: string): Promise<CliResult>;
  /** Answers each TCP connection to the port with its client's address; returns once it listens. */
  serve(port: number): Promise<void>;
}

const NAME = "tsrun-outside";
const LINK = "wan0";

/** Makes it; nothing outside knows the way to any container. */
export async function outside(shell: Shell): Promise<Outside> {
  const run = async (line: string): Promise<void> => {
    const { code, stderr } = await shell(line);
    if (code !== 0) throw new Error(`${line}: ${stderr}`);
  };
  await run(`ip netns add ${NAME}`);
  await run(`ip link add ${LINK} type veth peer name wan1 netns ${NAME}`);
  await run(`ip addr add 198.51.100.1/24 dev ${LINK}; ip -6 addr add 2001:db8:9::1/64 dev ${LINK} nodad`);
  await run(`ip link set ${LINK} up`);
  await run(`ip -n ${NAME} link set lo up; ip -n ${NAME} link set wan1 up`);
  await run(
    `ip -n ${NAME} addr add 198.51.100.2/24 dev wan1; ip -n ${NAME} -6 addr add 2001:db8:9::2/64 dev wan1 nodad`,
  );
  const servers: ReturnType<typeof spawn>[] = [];
  return {
    address: "198.51.100.2",
    address6: "2001:db8:9::2",
    hostAddress: "198.51.100.1",
    hostAddress6: "2001:db8:9::1",
    sh: (line) => shell(`ip netns exec ${NAME} sh -c '${line}'`),
    async serve(port) {
      const program = `require("node:net").createServer((s) => s.end(s.remoteAddress + "\\n")).listen(${port}, () => console.log("ready"))`;
      const child = spawn("ip", ["netns", "exec", NAME, process.execPath, "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      servers.push(child);
      if (child.stdout) await once(child.stdout, "data");
    },
    async [Symbol.asyncDispose]() {
      for (const child of servers) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await run(`ip link del ${LINK}; ip netns del ${NAME}`);
    },
  };
}
