/* SPDX-License-Identifier: Apache-2.0 */
/* What stubs made by a stub generator call, besides mach_msg (spec 07 section 5). Programs do not need it. */
#ifndef _MACH_MIG_SUPPORT_H_
#define _MACH_MIG_SUPPORT_H_

#include <mach/message.h>
#include <mach/std_types.h>
#include <string.h> /* stubs use memcpy and strlen */

#ifdef __cplusplus
extern "C" {
#endif

/* mig_get_reply_port - the calling thread's own port for replies (spec 07 section 5).
 * Returns the name of a receive right: always the same one, made on first use, until mig_dealloc_reply_port or
 * the thread's end gives it up (or a signal handler has left a call that was waiting for a reply: the next use
 * gives a new one). MACH_PORT_NULL if none is to be had. A forked child's is its own. The right stays the
 * library's. */
extern mach_port_t mig_get_reply_port(void);

/* mig_put_reply_port - does nothing; says that the reply has arrived. The argument is not looked at. */
extern void mig_put_reply_port(mach_port_t reply_port);

/* mig_dealloc_reply_port - gives up the calling thread's reply port: its receive right is destroyed, and the
 * next use makes a new one. The argument is not looked at: what a stub has there after a failed call may be the
 * name of another right (spec 07 section 5). */
extern void mig_dealloc_reply_port(mach_port_t reply_port);

/* mig_strncpy - copies a string of at most len - 1 characters, cut if it is longer, and its terminator.
 * Returns the number of bytes stored, the terminator included; 0, and nothing is stored, if len is 0. */
extern vm_size_t mig_strncpy(char* dst, const char* src, vm_size_t len);

/* mig_allocate, mig_deallocate - vm_allocate (anywhere) and vm_deallocate on this task, without a result. If
 * there is no memory *address is 0. */
extern void mig_allocate(vm_address_t* address, vm_size_t size);
extern void mig_deallocate(vm_address_t address, vm_size_t size);

/* mig_init - does nothing. */
extern void mig_init(void* first);

/* mig_reply_setup - makes of *reply, which has room for a mig_reply_header_t, the reply to *request that says
 * MIG_BAD_ID. It names request's reply right, which is consumed when it is sent. */
extern void mig_reply_setup(const mach_msg_header_t* request, mach_msg_header_t* reply);

/* The same under the names that a C library's own stubs call. */
extern mach_port_t __mig_get_reply_port(void);
extern void __mig_put_reply_port(mach_port_t reply_port);
extern void __mig_dealloc_reply_port(mach_port_t reply_port);
extern vm_size_t __mig_strncpy(char* dst, const char* src, vm_size_t len);
extern void __mig_allocate(vm_address_t* address, vm_size_t size);
extern void __mig_deallocate(vm_address_t address, vm_size_t size);
extern void __mig_init(void* first);
extern void __mig_reply_setup(const mach_msg_header_t* request, mach_msg_header_t* reply);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MIG_SUPPORT_H_ */
