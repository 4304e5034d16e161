/* SPDX-License-Identifier: Apache-2.0 */
/* Macros that are statements (spec 07 section 4). */
#ifndef _MACH_MACRO_HELP_H_
#define _MACH_MACRO_HELP_H_

#ifndef MACRO_BEGIN
#define MACRO_BEGIN do {
#endif
#ifndef MACRO_END
#define MACRO_END \
  }               \
  while (0)
#endif
#ifndef MACRO_RETURN
#define MACRO_RETURN \
  if (1) return
#endif

#endif /* _MACH_MACRO_HELP_H_ */
