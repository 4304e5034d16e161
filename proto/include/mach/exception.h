/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of exception (spec 07 section 4). Here they are Linux's signals; none is sent as a message. */
#ifndef _MACH_EXCEPTION_H_
#define _MACH_EXCEPTION_H_

#define EXC_BAD_ACCESS 1      /* memory that could not be accessed */
#define EXC_BAD_INSTRUCTION 2 /* an instruction that could not be carried out */
#define EXC_ARITHMETIC 3
#define EXC_EMULATION 4
#define EXC_SOFTWARE 5
#define EXC_BREAKPOINT 6

#endif /* _MACH_EXCEPTION_H_ */
