/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on a task's memory (spec 05 section 7). A page has 4096 bytes. Memory that came in a message is ordinary
 * memory for all of them.
 *
 * `target_task` is the caller's own task, mach_task_self(). For every call but vm_statistics, and beside the codes listed there:
 * KERN_INVALID_ARGUMENT for the port of another task, MACH_SEND_INVALID_DEST for what is no send right,
 * KERN_FAILURE without a daemon, KERN_RESOURCE_SHORTAGE if the library needs a descriptor and there is none. vm_read,
 * vm_write and vm_copy give KERN_FAILURE where the system forbids process_vm_readv. */
#ifndef _MACH_VM_CALLS_H_
#define _MACH_VM_CALLS_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/std_types.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_statistics.h>

#ifdef __cplusplus
extern "C" {
#endif

/* vm_allocate - new memory, zero-filled, readable and writable, of `size` bytes rounded up to whole pages. With
 * `anywhere` TRUE *address is only a result; FALSE: it is there that the memory has to be, rounded down to a page.
 * Size 0 gives *address 0. KERN_NO_SPACE: no room, or some of it is occupied. KERN_INVALID_ADDRESS: outside of the
 * address space. */
extern kern_return_t vm_allocate(vm_task_t target_task, vm_address_t* address, vm_size_t size,
                                 boolean_t anywhere);

/* vm_deallocate - the pages that overlap [address, address + size) are gone. That some were not there is no
 * error. */
extern kern_return_t vm_deallocate(vm_task_t target_task, vm_address_t address, vm_size_t size);

/* vm_read - a copy of `size` bytes from `address` on in new memory, at the same offset within its page; *data and
 * *data_count say where and how many. The caller deallocates it. KERN_INVALID_ADDRESS: not all of it is mapped.
 * KERN_PROTECTION_FAILURE: not all of it is readable. KERN_NO_SPACE. KERN_INVALID_ARGUMENT: more bytes than can be
 * counted. */
extern kern_return_t vm_read(vm_task_t target_task, vm_address_t address, vm_size_t size, vm_offset_t* data,
                             mach_msg_type_number_t* data_count);

/* vm_write - copies `data_count` bytes from `data` to `address`. All three are multiples of the page size, else
 * KERN_INVALID_ARGUMENT. KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE: not all of the target (or of the data) is
 * mapped, or may be accessed; some of it may have been written. KERN_NO_SPACE: no room for a copy on the way. */
extern kern_return_t vm_write(vm_task_t target_task, vm_address_t address, vm_offset_t data,
                              mach_msg_type_number_t data_count);

/* vm_copy - copies `size` bytes from `source_address` to `dest_address`, as vm_write does and with its codes; the two
 * may overlap. KERN_NO_SPACE: no room for a copy on the way. */
extern kern_return_t vm_copy(vm_task_t target_task, vm_address_t source_address, vm_size_t size,
                             vm_address_t dest_address);

/* vm_protect - sets what may be done with the pages that overlap [address, address + size). With `set_maximum` it
 * takes away what `new_protection` does not allow; the maximum itself is not remembered. KERN_INVALID_ARGUMENT:
 * bits that are none of VM_PROT_ALL. KERN_PROTECTION_FAILURE: above the maximum, as of a file that may not be
 * written. */
extern kern_return_t vm_protect(vm_task_t target_task, vm_address_t address, vm_size_t size,
                                boolean_t set_maximum, vm_prot_t new_protection);

/* vm_inherit - says what a child made by fork gets: with VM_INHERIT_NONE nothing is there; VM_INHERIT_SHARE is
 * accepted, and a copy given. KERN_INVALID_ARGUMENT: another value. */
extern kern_return_t vm_inherit(vm_task_t target_task, vm_address_t address, vm_size_t size,
                                vm_inherit_t new_inheritance);

/* vm_map - as vm_allocate, its codes too, with a protection and an inheritance, and with an address that has no bit
 * of `mask` in common (KERN_NO_SPACE if the address that was given has one). KERN_INVALID_ARGUMENT: size 0, a
 * protection or inheritance that does not exist, a mask with a gap above its lowest twelve bits, or a memory object
 * (there are none here, so `offset` and `copy` mean nothing). `maximum` is not remembered. */
extern kern_return_t vm_map(vm_task_t target_task, vm_address_t* address, vm_size_t size, vm_address_t mask,
                            boolean_t anywhere, memory_object_t memory_object, vm_offset_t offset,
                            boolean_t copy, vm_prot_t protection, vm_prot_t maximum,
                            vm_inherit_t inheritance);

/* vm_region - the region that contains *address, or the next one above: where it is, what may be done with it
 * (*maximum is always VM_PROT_ALL), whether it is shared with other processes, which *inheritance says as well, and
 * how far into its file it begins. *object_name is MACH_PORT_NULL.
 * KERN_NO_SPACE: there is none. */
extern kern_return_t vm_region(vm_task_t target_task, vm_address_t* address, vm_size_t* size,
                               vm_prot_t* protection, vm_prot_t* maximum, vm_inherit_t* inheritance,
                               boolean_t* shared, mach_port_t* object_name, vm_offset_t* offset);

/* vm_statistics - the daemon's answer about the host's memory: the size of a page (spec 05 section 6); what it does not
 * know is 0. Any task's port will do. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* the structure has the same name */
extern kern_return_t vm_statistics(vm_task_t target_task, vm_statistics_data_t* statistics);
#pragma GCC diagnostic pop

#ifdef __cplusplus
}
#endif

#endif /* _MACH_VM_CALLS_H_ */
