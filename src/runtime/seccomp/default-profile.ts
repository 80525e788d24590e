/**
 * The profile that containers get unless told otherwise. It allows what programs use and refuses the rest with EPERM;
 * its decisions are those of Docker's default profile, so what runs there runs here, and nothing more.
 *
 * Names are those of all architectures: a name that an architecture lacks is skipped when the filter is compiled.
 */
import type { ProfileFilter, ProfileRule, SeccompProfile } from "./profile.ts";

const EPERM = 1;
const ENOSYS = 38;
const AF_VSOCK = 40;

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} of linux/sched.h. */
const CLONE_NAMESPACES = 0x7e020000;

/** personality(2): PER_LINUX, PER_LINUX32, UNAME26, both, and the query that changes nothing. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** Safe for every container. */
const ALWAYS = {
  files: `
    access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64
    ioctl lchown lchown32 link linkat listmount _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat
    name_to_handle_at newfstatat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat stat64
    statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs truncate truncate64 umask unlink
    unlinkat utime utimensat utimensat_time64 utimes`,
  readingAndWriting: `
    pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice tee vmsplice
    write writev io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit`,
  extendedAttributes: `
    fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
    lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat`,
  waitingForEvents: `
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch _newselect poll ppoll
    ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4`,
  memory: `
    brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap
    mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
    remap_file_pages`,
  processes: `
    execve execveat exit exit_group fork getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid
    gettid get_robust_list get_thread_area ioprio_get ioprio_set kill pause pidfd_open pidfd_send_signal prctl
    prlimit64 restart_syscall rseq sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
    sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield setpgid setpriority setrlimit setsid set_robust_list
    set_thread_area set_tid_address tgkill tkill ugetrlimit uretprobe vfork wait4 waitid waitpid`,
  signals: `
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn`,
  identity: `
    capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
    getresuid getresuid32 getuid getuid32 landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp
    setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid
    setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  sockets: `
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  interprocess: `
    futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake ipc mq_getsetattr mq_notify mq_open
    mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd pipe
    pipe2 semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  time: `
    adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64 times`,
  system: "getrandom sysinfo uname",
};

/** What a capability would not be worth much without. */
const BY_CAPABILITY = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN: `
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount
    open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

/** Calls that C libraries need on one architecture and others lack. */
const BY_ARCHITECTURE: [arches: string[], names: string][] = [
  [["amd64", "x32"], "arch_prctl"],
  [["amd64", "x32", "x86"], "modify_ldt"],
  [["arm", "arm64"], "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"],
  [["ppc64le"], "swapcontext sync_file_range2"],
  [["riscv64"], "riscv_flush_icache"],
  [["s390", "s390x"], "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"],
];

const split = (names: string): string[] => names.trim().split(/\s+/);

const allow = (names: string, includes?: ProfileFilter): ProfileRule => ({
  names: split(names),
  action: "SCMP_ACT_ALLOW",
  ...(includes === undefined ? {} : { includes }),
});

/** The profile; built when asked for, since a cached filter is found without it. */
export function defaultProfile(): SeccompProfile {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      { architecture: "SCMP_ARCH_S390X", subArchitectures: ["SCMP_ARCH_S390"] },
      { architecture: "SCMP_ARCH_PPC64LE", subArchitectures: [] },
      { architecture: "SCMP_ARCH_RISCV64", subArchitectures: [] },
    ],
    syscalls: [
      allow(Object.values(ALWAYS).join(" ")),
      // Before 4.8 ptrace could be used to step around a filter.
      allow("process_vm_readv process_vm_writev ptrace", { minKernel: "4.8" }),
      ...Object.entries(BY_CAPABILITY).map(([capability, names]) => allow(names, { caps: [capability] })),
      ...BY_ARCHITECTURE.map(([arches, names]) => allow(names, { arches })),
      ...PERSONALITIES.map((value) => ({
        ...allow("personality"),
        args: [{ index: 0, value, op: "SCMP_CMP_EQ" }],
      })),
      // Virtual machine sockets are not namespaced: they reach the hypervisor from any container.
      { ...allow("socket"), args: [{ index: 0, value: AF_VSOCK, op: "SCMP_CMP_NE" }] },
      // Threads and processes, but no new namespaces. s390 has the flags second.
      ...cloneRule(0, { caps: ["CAP_SYS_ADMIN"], arches: ["s390", "s390x"] }),
      ...cloneRule(1, { caps: ["CAP_SYS_ADMIN"] }, { arches: ["s390", "s390x"] }),
      // clone3 keeps its flags in memory, which no filter can read: C libraries fall back to clone on ENOSYS.
      {
        names: ["clone3"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: ENOSYS,
        excludes: { caps: ["CAP_SYS_ADMIN"] },
      },
    ],
  };
}

function cloneRule(index: number, excludes: ProfileFilter, includes?: ProfileFilter): ProfileRule[] {
  const args = [{ index, value: CLONE_NAMESPACES, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }];
  return [{ ...allow("clone", includes), args, excludes }];
}
