/* The system calls that programs in a sandbox may make. The only user of libseccomp. SPDX-License-Identifier: Apache-2.0
 *
 * A list of what Python and the programs it runs need; all else does not exist (ENOSYS, upon which libraries fall back): no sockets but
 * pairs, no namespaces, mounts, tracing, other process's memory, keys, BPF, io_uring, no memory that no limit counts (System V IPC, memfd). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "eval/sandbox_cell.h"
#include "runtime/base/mem.h"

#ifdef __linux__
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <termios.h>

static const char allowed[] =
    /* files */
    "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat close close_range "
    "stat fstat lstat newfstatat "
    "statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir "
    "fchdir mkdir mkdirat rmdir "
    "unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat umask "
    "truncate ftruncate fallocate "
    "fsync fdatasync sync_file_range lseek dup dup2 dup3 fcntl flock pipe pipe2 utime utimes utimensat "
    "futimesat fadvise64 readahead "
    "sendfile copy_file_range splice tee mknod mknodat getxattr lgetxattr fgetxattr listxattr llistxattr "
    "flistxattr chown lchown "
    "fchown fchownat "
    /* waiting */
    "select pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 "
    "eventfd eventfd2 timerfd_create "
    "timerfd_settime timerfd_gettime signalfd signalfd4 inotify_init inotify_init1 inotify_add_watch "
    "inotify_rm_watch "
    /* memory */
    "mmap munmap mprotect mremap madvise mincore msync brk mlock munlock mlock2 membarrier get_mempolicy "
    /* processes and threads */
    "fork vfork execve execveat exit exit_group wait4 waitid kill tgkill tkill getpid getppid gettid getpgrp "
    "getpgid setpgid getsid "
    "setsid set_tid_address set_robust_list get_robust_list rseq futex futex_waitv arch_prctl prctl "
    "restart_syscall pidfd_open "
    "pidfd_send_signal sched_yield sched_getaffinity sched_getparam sched_getscheduler "
    "sched_get_priority_max "
    "sched_get_priority_min sched_rr_get_interval sched_getattr getpriority getcpu capget capset "
    /* signals and time */
    "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo "
    "sigaltstack pause alarm "
    "setitimer getitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete nanosleep "
    "clock_nanosleep clock_gettime "
    "clock_getres gettimeofday time times "
    /* who and how much; setuid and the like can only give up */
    "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid "
    "setresgid setgroups getrlimit "
    "setrlimit getrusage uname sysinfo getrandom "
    /* pairs of sockets */
    "socketpair sendto recvfrom sendmsg recvmsg shutdown getsockname getpeername getsockopt setsockopt";

static struct scmp_arg_cmp argument_is(unsigned number, uint64_t value)
{
    return (struct scmp_arg_cmp){.arg = number, .op = SCMP_CMP_EQ, .datum_a = value};
}

static int allow(scmp_filter_ctx ctx)
{
    const unsigned long namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    char name[40];
    for (const char *p = allowed; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        memcpy(name, p, n);
        name[n] = 0;
        p += n;
        int call = seccomp_syscall_resolve_name(name), rc;
        if (call == __NR_SCMP_ERROR)
            continue; /* of another machine */
        if ((rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0)))
            return rc;
    }
    int rc = seccomp_rule_add(
        ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
        (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = namespaces});
    /* of oneself only: the first process is of the same user */
    if (!rc)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, argument_is(0, 0));
    if (!rc)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sched_setaffinity), 1, argument_is(0, 0));
    static const unsigned long requests[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
    for (size_t i = 0; !rc && i < sizeof requests / sizeof *requests; i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, argument_is(1, requests[i]));
    return rc;
}

carat_status carat_sandbox_filter(carat_str *out, carat_err *err)
{
    int fd[2] = {-1, -1}, rc = -ENOMEM;
    char piece[1 << 12];
    ssize_t n;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    carat_status st;
    if (ctx)
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE,
                               2); /* a tree; older libraries have only the list */
    if (!ctx || (rc = allow(ctx))) {
        st = carat_fail(err, CARAT_EIO, "libseccomp: %s", strerror(-rc));
        goto out;
    }
    if (pipe2(fd, O_CLOEXEC)) {
        st = carat_fail_errno(err, "pipe");
        goto out;
    }
    rc = seccomp_export_bpf(ctx, fd[1]); /* some 3 kB: less than a pipe holds */
    close(fd[1]);
    while (!rc && (n = read(fd[0], piece, sizeof piece)) > 0)
        carat_str_add(out, piece, (size_t)n);
    close(fd[0]);
    st = rc ? carat_fail(err, CARAT_EIO, "libseccomp: %s", strerror(-rc)) : carat_str_check(out, err);
out:
    if (ctx)
        seccomp_release(ctx);
    return st;
}
#else
carat_status carat_sandbox_filter(carat_str *out, carat_err *err)
{
    (void)out;
    return carat_fail(err, CARAT_EIO, "no seccomp on this system");
}
#endif
