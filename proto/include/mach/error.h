/* SPDX-License-Identifier: Apache-2.0 */
/* How a code is made up: system (6 bits), subsystem (12 bits), code (14 bits) (spec 07 section 4). */
#ifndef _MACH_ERROR_H_
#define _MACH_ERROR_H_

#include <mach/kern_return.h>

typedef kern_return_t mach_error_t;

#define err_none ((mach_error_t)0)
#define ERR_SUCCESS ((mach_error_t)0)

#define err_system(x) ((int)(((unsigned)(x)&0x3fu) << 26))
#define err_sub(x) ((int)(((unsigned)(x)&0xfffu) << 14))
#define err_get_system(err) (((unsigned)(err) >> 26) & 0x3fu)
#define err_get_sub(err) (((unsigned)(err) >> 14) & 0xfffu)
#define err_get_code(err) ((unsigned)(err)&0x3fffu)

#define err_kern err_system(0x0)
#define err_us err_system(0x1)
#define err_server err_system(0x2)
#define err_ipc err_system(0x3)
#define err_mach_ipc err_system(0x4)
#define err_bootstrap err_system(0x5)
#define err_hurd err_system(0x10)
#define err_local err_system(0x3e)
#define err_ipc_compat err_system(0x3f)
#define err_max_system 0x3f

/* An errno as such a code. */
#define unix_err(number) (err_kern | err_sub(3) | (number))

#endif /* _MACH_ERROR_H_ */
