/** The docker command lines in the text of a tutorial, sorted by what this stage of tsrun makes of them. */

export interface Line {
  text: string;
  /**
   * `plain` ends by itself and succeeds, `run` makes a container that may go on, `interactive` goes on in one that is
   * there, `outside` fails without Docker Hub, `later` is refused.
   */
  kind: "plain" | "run" | "interactive" | "outside" | "later";
  /** It speaks of a container of the page's. */
  needsContainer: boolean;
  /** The line about that container, with the host's directories below one of the test's. */
  on(container: string, directory: string): string;
}

/** Images of docker.io that the test has under their own names; `app` stands in for those that a page builds itself. */
const KNOWN = /^(nginx|python|busybox|ubuntu|hello-world|mysql|mongo|redis|golang|myip)(:|$)/;
const HERE =
  /^(run|attach|commit|diff|exec|logs|inspect|start|stop|restart|kill|rm|ps|images|rmi|pull|version|container (run|attach|commit|diff|exec|logs|inspect|start|stop|restart|kill|rm|ls|ps|list)|image (ls|rm|pull|inspect))( |$)/;
/** Lines about networks, volumes and archives, each with what has to be there before and goes afterwards. */
const SCENES: readonly (readonly [RegExp, (words: RegExpExecArray) => string])[] = [
  [/^network inspect/, () => "docker network inspect bridge"],
  [/^network create .*?([\w-]+)$/, ([words, name]) => `docker ${words} && docker network rm ${name}`],
  [
    /^network (dis)?connect/,
    () =>
      "docker network create side && docker network connect side walked && docker network disconnect side walked && docker network rm side",
  ],
  [/^network rm/, () => "docker network create side && docker network rm side"],
  [
    /^volume (create|inspect|rm) (\S+)$/,
    ([words, verb, name]) =>
      `${verb === "create" ? "" : `docker volume create ${name} && `}docker ${words}${verb === "rm" ? "" : ` && docker volume rm ${name}`}`,
  ],
  // Its words upon another Dockerfile: the pages' own need what only their hosts have.
  [
    /^((?:image )?build)(?: .*?-t (\S+)|$)/,
    ([, command, name = "built"]) =>
      `printf 'FROM busybox\\nRUN echo hello > /greeting\\n' | docker ${command} -t ${name} - && docker run --rm ${name} cat /greeting && docker rmi ${name}`,
  ],
  [/^(image )?history/, ([command]) => `docker pull -q app && docker ${command} app`],
  [
    /^(image )?tag/,
    ([command]) => `docker pull -q app && docker ${command} app walked/app:1 && docker rmi walked/app:1`,
  ],
  [/^(image )?save/, ([command]) => `docker pull -q app && docker ${command} app -o image.tar`],
  [
    /^(image )?load/,
    ([command]) => `docker pull -q app && docker save app > image.tar && docker ${command} -i image.tar`,
  ],
  [/^(system|image|volume|network|container) prune/, ([command]) => `docker ${command} -f`],
  [/^(info|network ls|volume ls|system df)/, ([command]) => `docker ${command}`],
];
/** They speak to Docker Hub, and so end with an error here; `login` waits for a password first. */
const OUTSIDE = /^(search|(image )?push)\b|--driver /;
const ASKING = /^login\b/;
/** Flags of `run` that take a value, as far as tutorials use them. */
const WITH_VALUE = new Set([
  "-v",
  "--volume",
  "--name",
  "-e",
  "--env",
  "--network",
  "--net",
  "-p",
  "--publish",
  "-w",
  "-u",
  "-h",
  "-m",
  "--mount",
]);

/** Each line once, in the order of the pages: of those that come to the same, the last. */
export function readLines(pages: readonly string[]): Line[] {
  const found = new Map<string, Line>();
  for (const page of pages) {
    for (const raw of page.replaceAll(/\s*\\\n\s*/g, " ").split("\n")) {
      const text = commandOf(raw);
      const line = text === undefined ? undefined : classify(text);
      if (line !== undefined) found.set(sameness(line), line);
    }
  }
  return [...found.values()];
}

/** What is tried of a line: commands of later stages are refused by their name alone. */
function sameness(line: Line): string {
  const tried = line.on("container", "/directory");
  if (line.kind !== "later" || / run /.test(tried)) return tried.replace(/ --name \S+/, "");
  return (
    /^docker (?:(?:container|image|network|volume|system|compose|plugin) )?\w+/.exec(tried)?.[0] ?? tried
  );
}

/** "docker …" out of "$ sudo docker …", "[~] docker …", "user@host:~$ docker …" or the line itself. */
function commandOf(raw: string): string | undefined {
  const match = /^\s*(?:\S*@\S+[$#&] |\[[^\]]*\][$#]? |[$#>~] ?❯? ?)?(?:sudo )?(docker [a-z].*)$/.exec(raw);
  const text = match?.[1]?.replace(/\s{2,}.*$|\s+#.*$/, "").trim();
  // Prose that begins with the word, the usage of a command, and output.
  if (
    text === undefined ||
    /[\u3000-\u9fff，。：]|\[OPTIONS\]|\bCOMMAND\b/.test(text.replaceAll(/"[^"]*"|<[^>]*>/g, ""))
  )
    return undefined;
  return text;
}

function classify(text: string): Line | undefined {
  const words = text.replace(/^docker /, "");
  // A slip of one page, an error with docker too.
  if (/^images rm /.test(words)) return undefined;
  const isRun = /^(container )?run /.test(words);
  const line = (kind: Line["kind"], needsContainer: boolean, on: Line["on"]): Line => ({
    text,
    kind,
    needsContainer,
    on,
  });
  if (ASKING.test(words)) return undefined;
  if (OUTSIDE.test(words)) return line("outside", false, () => text.replaceAll(/<[^ >]+>/g, "x"));
  for (const [pattern, scene] of SCENES) {
    const found = pattern.exec(words);
    if (found !== null) return line("plain", /walked/.test(scene(found)), () => scene(found));
  }
  // Placeholders in angle brackets, and files of the host, mean something else to the shell.
  if (!HERE.test(words))
    return line("later", false, () => text.replaceAll(/<[^ >]+>/g, "x").replaceAll(/ [<>] \S+/g, ""));
  if (isRun) {
    const on = (_: string, directory: string): string | undefined => runLine(text, directory);
    // A slip of one page: no image.
    return on("", "") === undefined ? undefined : line("run", false, on as Line["on"]);
  }
  // One page stops all in the background and removes them meanwhile: a race, also with docker.
  if (/\$\(/.test(text)) return line("plain", true, () => text.replace(" & ", " && "));
  const [, command = "", rest = ""] = /^((?:container |image )?\w+) ?(.*)$/.exec(words) ?? [];
  if (/(ps|ls|list|images|version)$/.test(command))
    return line("plain", false, () => `docker ${command} ${rest.replace(/\[\w*\]/, "")}`);
  if (/pull$/.test(command)) return line("plain", false, () => `docker ${command} ${standIn(rest)}`);
  if (/^(rmi|image rm|image inspect)/.test(command)) {
    return line(
      "plain",
      false,
      () => `docker pull -q app && docker ${command} ${/-f/.test(rest) ? "-f " : ""}app`,
    );
  }
  if (/exec$/.test(command))
    return line("interactive", true, (container) => `docker ${command} -it ${container} sh`);
  if (/commit$/.test(command))
    return line("plain", true, (container) => text.replace(/\S+ (\S+)$/, `${container} $1`));
  if (/attach$/.test(command)) {
    const attached = (container: string) =>
      `(sleep 1; docker kill ${container} >/dev/null) & docker ${command} ${container} || test $? -eq 137`;
    return line("plain", true, attached);
  }
  const flags = rest.split(" ").filter((word) => word.startsWith("-"));
  if (/(^| )rm$/.test(command)) flags.push("-f");
  const follows = /logs$/.test(command) && flags.includes("-f");
  return line(follows ? "interactive" : "plain", true, (container) =>
    ["docker", command, ...flags, container].join(" "),
  );
}

/** With an image and a network that are there, and with directories that may be mounted; undefined without an image. */
function runLine(text: string, directory: string): string | undefined {
  const words = text.replaceAll(/ -v \//g, ` -v ${directory}/host/`).split(" ");
  let at = words.indexOf("run") + 1;
  while (words[at]?.startsWith("-")) at += WITH_VALUE.has(words[at] as string) ? 2 : 1;
  if (words[at] === undefined) return undefined;
  words[at] = standIn(words[at] as string);
  const network = / --net(?:work)?[ =](?!host\b|none\b|bridge\b)(\S+)/.exec(text)?.[1];
  return `${network === undefined ? "" : `docker network create ${network} >/dev/null 2>&1; `}${words.join(" ")}`;
}

/** Tags but `latest` are left out: what they hold is not what is looked at. */
const standIn = (image: string): string => KNOWN.exec(image)?.[1] ?? "app";
