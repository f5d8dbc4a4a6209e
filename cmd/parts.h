/* parts.h: what of a configuration each stage depends on, as text that only changes when it does.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_PARTS_H
#define CMD_PARTS_H

/* "calibration": the inputs, with name, size and time of every file in them; "quantization": strategy
 * and exclude_op. To stdout; dies where the configuration cannot be read. */
void parts_print(const char *part, const char *config);

#endif
