/* SPDX-License-Identifier: Apache-2.0 */
/* Codes in words (spec 07 sections 4 and 6). */
#ifndef _MACH_ERROR_STRINGS_H_
#define _MACH_ERROR_STRINGS_H_

#include <mach/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mach_error_string - text for a code of any family, beginning with the family: "(os/kern) ", "(ipc/send) ",
 * "(ipc/rcv) " or "(ipc/mig) ". Detail bits of message codes are ignored. Never NULL; the text is constant
 * and not to be freed. */
extern const char* mach_error_string(mach_error_t error);

/* mach_error_type - the family alone, as in mach_error_string. */
extern const char* mach_error_type(mach_error_t error);

/* mach_error - writes "where: text (code)" to standard error. */
extern void mach_error(const char* where, mach_error_t error);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_ERROR_STRINGS_H_ */
