/* SPDX-License-Identifier: Apache-2.0 */
/* The C types of sample.defs: for each array or string a type of its name and one to read from. */
#ifndef TESTS_STUBS_SAMPLE_TYPES_H_
#define TESTS_STUBS_SAMPLE_TYPES_H_

#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/std_types.h>
#include <stdint.h>

typedef char label_t[32];
typedef const char* const_label_t;
typedef char text_t[128];
typedef const char* const_text_t;
typedef int row_t[5];
typedef const int* const_row_t;
typedef int* list_t;
typedef const int* const_list_t;
typedef struct {
  int x;
  int y;
  int z;
} point_t;

#endif /* TESTS_STUBS_SAMPLE_TYPES_H_ */
