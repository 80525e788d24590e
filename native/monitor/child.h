/* The process: the Plan that makes it, its start and its end. */
#ifndef TSRUN_CHILD_H
#define TSRUN_CHILD_H

/* Runs the Plan up to clone; what becomes of the rest is heard by child_hear(). */
void child_start(void);
/* Something has arrived on the channel: execve has succeeded, a step waits or failed, or the terminal came. */
void child_hear(void);
void child_signal(int number);
/* Collects the process that has ended and writes down how. */
void child_record_end(void);
/* The Plan failed, or its launcher is gone: ends everything, the monitor included. error: an errno value to tell, or 0. */
_Noreturn void child_give_up(int error);

#endif
