/* guard.h: what dopt looks at before it starts: no output may be one of the inputs, and one work folder
 * belongs to one run at a time.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_GUARD_H
#define CMD_GUARD_H

/* Dies where `output` (what option names it) is a folder or the same file as `input`. NULL: not given. */
void guard_distinct(const char *option, const char *output, const char *input_option,
                    const char *input);
/* The same for everything that the configuration feeds: n outputs as {option, path}, and the work folder
 * (NULL: the default), which are not to lie among its images either. */
void guard_calibration(const char *config, const char *const outputs[][2], int n, const char *work);
/* Takes the work folder for this process (until it ends) and removes what a killed run left half
 * written in it; dies where another run has it. */
void guard_lock(const char *work);
/* Makes the last stage run again where output and param are not the pair that guard_pair_keep noted in
 * the work folder: damaged, or written by another run meanwhile. */
void guard_pair(const char *work, const char *output, const char *param);
void guard_pair_keep(const char *work, const char *output, const char *param);

#endif
