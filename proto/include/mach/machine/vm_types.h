/* SPDX-License-Identifier: Apache-2.0 */
/* The machine-dependent integer types of the ABI (spec 02 section 1, 07 section 4): 64-bit addresses, 32-bit
 * naturals. */
#ifndef _MACH_MACHINE_VM_TYPES_H_
#define _MACH_MACHINE_VM_TYPES_H_

#include <stdint.h>

typedef unsigned int natural_t;
typedef int integer_t;
typedef unsigned long long_natural_t;
typedef long long_integer_t;

typedef uintptr_t vm_offset_t;
typedef uintptr_t vm_address_t;
typedef uintptr_t vm_size_t;
typedef vm_offset_t* vm_offset_array_t;
typedef const vm_offset_t* const_vm_offset_array_t;
typedef vm_size_t* vm_size_array_t;
typedef const vm_size_t* const_vm_size_array_t;
typedef unsigned long phys_addr_t;

/* The same quantities as they travel in messages between programs. */
typedef uintptr_t rpc_uintptr_t;
typedef vm_offset_t rpc_vm_offset_t;
typedef vm_address_t rpc_vm_address_t;
typedef vm_size_t rpc_vm_size_t;
typedef long_natural_t rpc_long_natural_t;
typedef long_integer_t rpc_long_integer_t;

/* How an integer_t is described in a message. */
#define MACH_MSG_TYPE_INTEGER_T MACH_MSG_TYPE_INTEGER_32

#endif /* _MACH_MACHINE_VM_TYPES_H_ */
