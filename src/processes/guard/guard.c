/*
 * The guard runs between a worker and a process that a tool started. It ensures that no process of that tree outlives
 * the worker, the attempt or the guard. Linux only; needs no privileges.
 *
 *   guard <worker-pid> <lifeline-fd> <grace-ms> <command> [argument...]
 *
 * It ends the tree when the command ends, when it gets TERM, HUP, INT or QUIT, when the worker dies, and when the
 * lifeline closes. It sends TERM to the command's process group, waits up to <grace-ms> for that group, then sends KILL
 * to all processes of the tree.
 *
 * It exits when no process of the tree is left, with the status of the command (128 + n if signal n ended it). So a
 * guard that exits by itself proves that the tree is gone; a guard that a signal ended proves nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { ROUND_MS = 20, EXIT_NOT_FOUND = 127, EXIT_BY_SIGNAL = 128 };

enum phase { RUNNING, ASKED, KILLING };

struct tree {
  pid_t root; /* the command; its pid is also the id of its process group */
  bool has_root_ended;
  int root_status;
};

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Makes the kernel send TERM when the worker dies. Returns false if the worker is already dead. */
static bool follow_worker(pid_t worker) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  return getppid() == worker;
}

/* Every orphan of the tree becomes our child, in any session. None can gain privileges that protect it from our KILL.
 * */
static bool adopt_orphans(void) {
  return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static int watch_signals(sigset_t *before) {
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGHUP);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGQUIT);
  sigprocmask(SIG_BLOCK, &watched, before);
  return signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Runs in the new process. The kernel kills the command if the guard is killed, but not the command's own children. */
static void become_command(char **command, pid_t guard, const sigset_t *mask) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard) _exit(EX_UNAVAILABLE);
  setsid();
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(command[0], command);
  dprintf(STDERR_FILENO, "cannot start %s: %s\n", command[0], strerror(errno));
  _exit(EXIT_NOT_FOUND);
}

static pid_t start_command(char **command, const sigset_t *mask) {
  pid_t guard = getpid();
  pid_t root = fork();
  if (root == 0) become_command(command, guard, mask);
  return root;
}

/* The pipes belong to the command alone: their reader must see end of file when the command ends. */
static void let_go_of_stdio(void) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) dup2(nothing, fd);
  close(nothing);
}

/* Tells whether a signal asked for the end; ignores SIGCHLD. */
static bool was_told_to_end(int signals) {
  bool was_told = false;
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) was_told |= info.ssi_signo != SIGCHLD;
  return was_told;
}

static bool is_closed(int lifeline, short events) {
  char ignored[64];
  return events != 0 && read(lifeline, ignored, sizeof ignored) <= 0;
}

/* Sleeps until an event, at most one round while the tree is ending. Returns whether the tree must end. */
static bool wait_for_news(int signals, int lifeline, enum phase phase) {
  struct pollfd watched[] = {{signals, POLLIN, 0}, {lifeline, POLLIN, 0}};
  bool is_running = phase == RUNNING;
  poll(watched, is_running ? 2 : 1, is_running ? -1 : ROUND_MS);
  bool was_told = was_told_to_end(signals);
  return was_told || (is_running && is_closed(lifeline, watched[1].revents));
}

/* Reaps every child that has ended. Returns false when no process of the tree is left. */
static bool reap(struct tree *tree) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != tree->root) continue;
    tree->has_root_ended = true;
    tree->root_status = status;
  }
  return pid == 0;
}

/* A stopped process gets TERM only after it continues, so CONT follows. */
static void ask_to_end(pid_t group) {
  kill(-group, SIGTERM);
  kill(-group, SIGCONT);
}

/*
 * Kills our own children only: no other process can have a pid of this list, because a pid is free only after we
 * reaped it. When a child dies, the kernel makes its children ours before it reports the death. So repeating this ends
 * the whole tree, even if it forks from many threads or changes sessions.
 */
static void kill_children(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", getpid(), getpid());
  FILE *children = fopen(path, "re");
  if (children == NULL) return;
  int pid;
  while (fscanf(children, "%d", &pid) == 1) kill(pid, SIGKILL);
  fclose(children);
}

/* Only the process group got TERM. If no process of the group is left, there is no reason to wait for the others. */
static bool is_grace_over(pid_t group, long deadline_ms) {
  return now_ms() >= deadline_ms || kill(-group, 0) != 0;
}

static void outlive(struct tree *tree, int signals, int lifeline, long grace_ms) {
  enum phase phase = RUNNING;
  long deadline_ms = 0;
  for (;;) {
    bool must_end = wait_for_news(signals, lifeline, phase);
    if (!reap(tree)) return;
    if (phase == RUNNING && (must_end || tree->has_root_ended)) {
      ask_to_end(tree->root);
      deadline_ms = now_ms() + grace_ms;
      phase = ASKED;
    }
    if (phase == ASKED && is_grace_over(tree->root, deadline_ms)) phase = KILLING;
    if (phase == KILLING) kill_children();
  }
}

int main(int count, char **arguments) {
  if (count < 5) return EX_USAGE;
  pid_t worker = atoi(arguments[1]);
  int lifeline = atoi(arguments[2]);
  long grace_ms = atol(arguments[3]);

  sigset_t mask;
  int signals = watch_signals(&mask);
  if (signals < 0 || fcntl(lifeline, F_SETFD, FD_CLOEXEC) != 0 || !adopt_orphans()) return EX_OSERR;
  if (!follow_worker(worker)) return EX_UNAVAILABLE;

  struct tree tree = {.root = start_command(arguments + 4, &mask)};
  if (tree.root < 0) return EX_OSERR;
  let_go_of_stdio();
  outlive(&tree, signals, lifeline, grace_ms);
  int status = tree.root_status;
  return WIFSIGNALED(status) ? EXIT_BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}
