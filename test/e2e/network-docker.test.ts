/** docker and tsrun on one host: neither takes the other's subnets, changes its rules or breaks its traffic. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { type Outside, outside } from "./support/outside.ts";

const host = useHost();
const { output, tsrun } = host;
/** Debian's by full name: a newer client may come first on PATH. */
const DOCKER = "/usr/bin/docker -H unix:///run/e2e-docker.sock";
const daemons: ChildProcess[] = [];
let directory: string;
let internet: Outside;

const has = (program: string): boolean => spawnSync("which", [program]).status === 0;
const installed = ["dockerd", "containerd"].every(has);

async function docker(line: string): Promise<string> {
  const { code, stdout, stderr } = await host.shell(`${DOCKER} ${line}`);
  if (code !== 0) throw new Error(`docker ${line}: ${stderr}`);
  return stdout.trim();
}

function daemon(...argv: string[]): void {
  const child = spawn("setpriv", ["--pdeathsig", "TERM", ...argv], { stdio: "ignore" });
  daemons.push(child);
}

async function until(line: string): Promise<void> {
  await expect.poll(async () => (await host.shell(line)).code, { timeout: 30_000 }).toBe(0);
}

async function startDocker(): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), "tsrun-docker-"));
  const socket = "/run/e2e-containerd.sock";
  daemon(
    ...["containerd", "--root", join(directory, "containerd"), "--state", "/run/e2e-containerd"],
    ...["--address", socket, "--log-level", "error"],
  );
  await until(`test -S ${socket}`);
  // Where docker is the one that turns forwarding on, it drops what others want forwarded.
  await host.shell("echo 0 > /proc/sys/net/ipv4/ip_forward");
  daemon(
    ...["dockerd", "--containerd", socket, "-H", "unix:///run/e2e-docker.sock", "--log-level", "error"],
    ...["--data-root", join(directory, "docker"), "--exec-root", "/run/e2e-docker"],
    ...["--pidfile", "/run/e2e-docker.pid", "--storage-driver", "overlay2", "--oom-score-adjust", "0"],
    ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `/e2e-docker-${process.pid}`],
  );
  await until(`${DOCKER} version`);
  // What it is to run: busybox's httpd, without a registry.
  const root = join(directory, "root");
  for (const name of ["bin", "www"]) mkdirSync(join(root, name), { recursive: true });
  await host.shell(`cp $(which busybox) ${root}/bin/busybox && echo "docker works" > ${root}/www/index.html`);
  await docker(`import - web < <(tar c -C ${root} .)`);
}

async function stopDocker(): Promise<void> {
  await host.shell(`${DOCKER} rm -f $(${DOCKER} ps -aq); ${DOCKER} network prune -f`);
  for (const child of daemons.splice(0).reverse()) {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  }
  const undo =
    "for t in filter nat; do iptables -t $t -F; iptables -t $t -X; done; iptables -P FORWARD ACCEPT; ip link del docker0";
  await host.shell(
    `${undo}; nft delete table ip filter; nft delete table ip nat; rmdir $(find /sys/fs/cgroup -depth -type d -path "*/e2e-docker-${process.pid}*")`,
  );
  rmSync(directory, { recursive: true, force: true });
}

beforeAll(async () => {
  if (installed) internet = await outside(host.shell);
});
afterAll(async () => {
  if (installed) await internet[Symbol.asyncDispose]();
});

/** A published port of docker's, from the machine outside. */
const published = (): Promise<string> =>
  internet
    .sh(`timeout 3 busybox wget -qO- http://${internet.hostAddress}:8088/`)
    .then(({ stdout }) => stdout.trim());
const rulesOfDocker = async (): Promise<string> =>
  (await host.shell("iptables-save -t nat; iptables-save -t filter")).stdout.replace(
    /^#.*$|\[\d+:\d+\]/gm,
    "",
  );

test.skipIf(!installed)(
  installed ? "beside a dockerd with a published container" : "needs dockerd, which is not installed here",
  async () => {
    await internet.serve(8080);
    try {
      await startDocker();
      await docker("run -d --name before -p 8088:80 web /bin/busybox httpd -f -h /www");
      await expect.poll(published).toBe("docker works");
      const rules = await rulesOfDocker();
      const taken = (await docker("network inspect -f '{{(index .IPAM.Config 0).Subnet}}' bridge")).trim();

      // tsrun keeps out of docker's subnet and says what docker's rules do to its containers.
      const created = await tsrun("network", "create", "front");
      expect(created.code).toBe(0);
      expect(created.stderr).toContain("FORWARD drops forwarded packets");
      const subnet = await output("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "front");
      expect(subnet).not.toBe(taken);
      await output(
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "front",
        "busybox",
        "httpd",
        "-f",
        "-h",
        "/www",
      );
      const address = await output("inspect", "-f", "{{.NetworkSettings.Networks.front.IPAddress}}", "web");
      expect(await (await fetch(`http://${address}/`)).text()).toBe("it works\n");
      expect(await rulesOfDocker()).toBe(rules);
      expect(await published()).toBe("docker works");

      // What the warning says is all that it takes.
      const commands = [...created.stderr.matchAll(/`(iptables [^`]*)`/g)].map(([, command]) => command);
      expect(commands).toHaveLength(2);
      for (const command of commands) await host.shell(String(command));
      const out = ["run", "--rm", "--network", "front", "busybox"];
      expect(await output(...out, "nc", "-w", "3", internet.address, "8080")).toContain(internet.hostAddress);
      expect(await output(...out, "timeout", "5", "wget", "-qO-", `http://${address}/`)).toBe("it works");

      // And docker goes on: new networks beside tsrun's, new containers, which do not reach tsrun's.
      await docker("network create after");
      await docker("run -d --name after --network after -p 8089:80 web /bin/busybox httpd -f -h /www");
      const other = await docker("network inspect -f '{{(index .IPAM.Config 0).Subnet}}' after");
      expect([subnet, taken]).not.toContain(other);
      const ask = `exec after /bin/busybox timeout 3 /bin/busybox wget -qO- http://${address}/`;
      expect(await host.shell(`${DOCKER} ${ask}`)).toMatchObject({ code: 143, stdout: "" });
      expect(await published()).toBe("docker works");

      await output("rm", "-f", "web");
      await output("network", "rm", "front");
      expect(await published()).toBe("docker works");
    } finally {
      await host.shell("true");
      await tsrun("rm", "-f", "web");
      await tsrun("network", "prune", "-f");
      await stopDocker();
    }
  },
);
