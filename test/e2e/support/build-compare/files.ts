/** Contexts about COPY, ADD and what is in the context. */
import type { BuildContext } from "./types.ts";

const TREE = `
mkdir -p tree/sub/deep tree/empty
echo one > tree/one; echo two > tree/sub/two; echo three > tree/sub/deep/three
`;

export const fileContexts: readonly BuildContext[] = [
  {
    name: "wildcards, directories, several sources",
    files: `${TREE}
echo a > a.txt; echo b > b.txt; echo c > c.md
mkdir 'with space'; echo s > 'with space/file name'; mkdir -p lib1/x lib2/x; echo 1 > lib1/x/f; echo 2 > lib2/x/g
`,
    dockerfile: `FROM localhost/plain
COPY *.txt /texts/
COPY ?.md a.txt /several/
COPY tree /whole
COPY tree/ /whole/again/
COPY tree/s* /matched/
COPY lib* /libraries/
COPY */x /exes/
COPY ["with space/file name", "/quoted name"]
COPY a.txt /renamed
COPY . /all
WORKDIR /work
COPY a.txt .
COPY b.txt ./
COPY tree relative/deep
COPY ./tree/../c.md ../up.md
`,
  },
  {
    name: "wildcards that match nothing, names with brackets",
    files: "echo a > a.txt; echo d > 'arr[0].txt'\n",
    dockerfile: `FROM localhost/plain
COPY *.txt /texts/
COPY arr[[]0].txt /bracket
COPY no* a.txt /missing-is-fine/
`,
    refused: { buildah: "it takes the name of a file that a wildcard matches for another one" },
  },
  {
    name: "owners and modes",
    files: `${TREE}
echo secret > secret; chmod 600 secret; echo run > run; chmod 4755 run; chmod 2750 tree/sub; chmod 1777 tree/empty
chown 12:34 tree/one secret; mkdir closed; chmod 700 closed; echo in > closed/in
`,
    dockerfile: `FROM localhost/plain
COPY tree /as-root
COPY --chown=app tree /by-name
COPY --chown=app:wheel tree /by-names
COPY --chown=1234 secret /by/number/secret
COPY --chown=1234:55 run /by-numbers
COPY --chown=:wheel run /by-group
COPY --chown=app run /new/parents/of/run
COPY --chown=app:app closed /closed/
COPY --chmod=640 secret /chmod/secret
COPY --chmod=755 tree /chmod/tree
COPY --chmod=4711 --chown=app:app run /chmod/run
ADD --chown=app:app run secret /added/
RUN mkdir -m 750 /there && chown 3:4 /there
COPY closed /there
COPY tree/one /there/one
`,
  },
  {
    name: "archives",
    files: `
mkdir -p make/d/inner make/opened; cd make
echo f > d/f; ln d/f d/hard; ln -s f d/soft; ln -s /nowhere d/dangling; echo i > d/inner/i; chmod 750 d/inner; chmod 4755 d/f
echo o > opened/o
touch -d '2001-02-03 04:05:06' d/f; touch -d '2002-02-03 04:05:06' d/inner
tar --owner=7 --group=8 -cf ../plain.tar d; tar --owner=7 --group=8 -czf ../a.tar.gz ./d; tar -cJf ../b.tar.xz --owner=1000 --group=10 opened
tar -cjf ../c.tbz opened; gzip -c d/f > ../single.gz; echo 'no archive' > ../fake.tar.gz
cd ..; rm -r make; mkdir mixed; cp plain.tar mixed/
`,
    dockerfile: `FROM localhost/plain
ADD plain.tar /plain/
ADD a.tar.gz /gz
ADD b.tar.xz c.tbz /both/
ADD single.gz fake.tar.gz /not/
ADD mixed /mixed/
ADD --chown=app:app plain.tar /owned/
RUN mkdir -m 700 /d && chown 1000:1000 /d
ADD plain.tar /
COPY plain.tar /copied/
WORKDIR /w
ADD a.tar.gz .
`,
  },
  {
    name: "files of a web server",
    dockerfile: `FROM localhost/plain
ADD SERVER/dated.txt /named
ADD SERVER/dated.txt /into/
ADD SERVER/undated.txt?query=1 /into/
ADD SERVER/archive.tar.gz /packed/
ADD --chown=app:app SERVER/dated.txt /owned
`,
  },
  {
    name: "what .dockerignore leaves out",
    files: `${TREE}
mkdir -p logs/keep node_modules/m docs src/temp; touch logs/a.log logs/keep/b.log node_modules/m/i.js docs/README.md docs/other.md
touch src/main.c src/main.o src/temp/x src/.hidden temp1 temp2 top.md README.md .env 'odd name'
printf '# comment\\n*.md\\n!README.md\\n**/*.o\\nlogs\\n!logs/keep\\nnode_modules/\\n*/temp\\ntemp?\\n.env\\nDockerfile\\n.dockerignore\\n/docs/*\\n!docs/README.md\\ntree/sub\\n!tree/sub/deep/three\\n  odd name  \\n' > .dockerignore
`,
    dockerfile: "FROM localhost/plain\nCOPY . /all\nCOPY src /src\nCOPY docs/*.md /docs/\n",
  },
  {
    name: "links",
    files: `${TREE}
ln -s one tree/soft; ln -s /etc/passwd tree/absolute; ln -s nowhere tree/dangling; ln tree/one tree/hard
ln -s tree linked; ln -s tree/one link-to-file; ln -s sub tree/dirlink
touch -h -d '2005-05-05 05:05:05' tree/soft
`,
    dockerfile: `FROM localhost/plain AS one
RUN mkdir -p /real/dir && ln -s real /link && ln -s /real/dir /absolute && ln -s ../../../../real /escape && ln -s not/yet /dangling && ln -s /nowhere /dangling-directory && echo x > /real/x && ln /real/x /real/y
RUN ln /real/x /real/z && echo more >> /real/x
FROM one
COPY tree /tree
COPY linked /from-link
COPY link-to-file /from-link-to-file
COPY tree/dirlink/two /through-link
COPY tree/one /link/inside
COPY tree/one /absolute/
COPY tree/one /escape/escaped
COPY tree/sub /link/dir
COPY tree/one /dangling
COPY tree/one /dangling-directory/of/one
WORKDIR /dangling-directory/work
COPY --from=one /link /copied-link
COPY --from=one /link/ /copied-link-slash
COPY --from=one /absolute/../etc/passwd /copied-passwd
COPY --from=one /real /copied-real
`,
  },
  {
    name: "copying onto what is there",
    files: `${TREE}
mkdir -p over/etc over/d; echo new > over/etc/motd; chmod 711 over/etc; echo f > file; chmod 604 file; echo x > over/d/x
`,
    dockerfile: `FROM localhost/plain
RUN echo old > /file && chmod 4755 /file && chown 5:6 /file && ln -s /etc/passwd /link && mkdir -p /d/sub && echo s > /d/sub/s && chmod 700 /d && touch -d '2001-01-01' /d
COPY file /file
COPY file /link
COPY over /
COPY over/d/ /d/
COPY tree/sub /d/sub
COPY file /d
COPY file /d/sub/two
`,
  },
  {
    name: "names, sizes, times",
    files: `
name() { printf "$1%.0s" $(seq "$2"); }
long=$(name d 120)/$(name e 150); mkdir -p "$long"; echo long > "$long/$(name n 200)"
echo ü > 'größe ü 日本.txt'; printf x > $'new\\nline'; echo q > "quote'\\"back\\\\slash"; : > empty; mkdir void
head -c 300000 /dev/zero > zeros; truncate -s 3M sparse; printf end >> sparse; head -c 70000 /dev/zero | tr '\\0' z > block
touch -d '1999-12-31 23:59:59.75' empty; touch -d '1960-01-01' zeros; touch -d '2001-01-01 00:00:00.123456789' void; touch -d '2030-01-01' block
`,
    dockerfile: "FROM localhost/plain\nCOPY . /all\nCOPY void /v\nADD empty zeros /two/\n",
  },
  {
    name: "attributes and capabilities",
    files: `
cp /bin/true capable; chmod 755 capable; setcap cap_net_raw+ep capable; echo n > note; mkdir dir t
python3 -c 'import os; [os.setxattr(each, "user.note", b"kept") for each in ("note", "dir")]'
cp capable t/; setcap cap_chown+ep t/capable
tar --xattrs --xattrs-include='*' -cf t.tar t; rm -r t
`,
    dockerfile: `FROM localhost/plain AS one
COPY capable /capable
COPY --chown=app:app capable /owned
ADD t.tar /
FROM localhost/plain
COPY --from=one /capable /t/capable /again/
COPY note /note
COPY dir /dir
RUN cp /note /copy && mv /note /moved
`,
  },
];
