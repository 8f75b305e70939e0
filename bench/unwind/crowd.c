/*
 * Starts as many processes as its argument says, writes a line once all are there, and ends with all of them when its
 * stdin ends.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
  for (long started = 0; started < wanted; started++) {
    pid_t pid = fork();
    if (pid < 0) {
      perror("fork");
      return 1;
    }
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
  }
  puts("there");
  fflush(stdout);
  while (getchar() != EOF) continue;
  return 0;
}
