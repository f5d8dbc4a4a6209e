/* cli.h: what every tool's main shares: one way to fail, one way to warn, -h and -V, progress.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <stdbool.h>

#include "base/err.h"

#define DOPT_VERSION "0.1.0"

/* First call of main: names the tool and turns lib/'s warnings into "tool: warning: …" lines. */
void cli_init(const char *tool, const char *usage);
/* Prints "tool: message" and exits with the error's status. */
_Noreturn void cli_die(const struct err *e);
/* A command line that makes no sense: the message, then the usage; exit status 2. */
_Noreturn void cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* -h and -V: to stdout, exit status 0 (1 if stdout cannot be written). */
_Noreturn void cli_help(void);
_Noreturn void cli_version(void);
/* The options every tool has: 'h' and 'V'; any other letter from getopt is a usage error. */
_Noreturn void cli_option(int letter);
/* A number of at least `least` from an option's argument, or a usage error naming the option. */
long cli_number(const char *option, const char *text, long least);
/* Ends main: closes stdout and returns the exit status (1 if what was printed could not be written). */
int cli_finish(void);

/* The folder of the running executable. */
const char *cli_folder(void);
/* A file or folder that belongs to the tools: SOURCE beside the build, NAME in an installation's
 * share/dopt; dies where it is neither. */
char *cli_share(const char *name, const char *source);
/* "net.py:Net(10)" is the file net.py, and *entry "Net(10)"; other names have no entry (NULL). */
char *cli_model(const char *text, const char **entry);

/* A progress line on stderr, rewritten in place, only where stderr is a terminal:
 * "dopt-observe: 120/500 samples, 85.1/s, 4 s left". done == total ends and erases the line. A total of
 * -1 is not known: "dopt-calpack: 120 samples, 85.1/s". */
void cli_progress(long done, long total, const char *unit);

#endif
