/* summary.h: the five lines that dopt ends with.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SUMMARY_H
#define CMD_SUMMARY_H

struct summary {
    const char *model, *output, *param, *work, *config, *flags; /* flags: how samples are read */
    double seconds;
};
/* To stdout: tensors, what stays float, output SQNR, file sizes, time; where the details are. */
void summary_print(const struct summary *s);

#endif
