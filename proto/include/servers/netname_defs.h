/* SPDX-License-Identifier: Apache-2.0 */
/* Types and codes of the name service (spec 08 section 2). */
#ifndef _SERVERS_NETNAME_DEFS_H_
#define _SERVERS_NETNAME_DEFS_H_

typedef char netname_name_t[80]; /* NUL-terminated: at most 79 characters */
typedef const char* const_netname_name_t;

#define NETNAME_SUCCESS 0
#define NETNAME_PENDING (-1)   /* internal */
#define NETNAME_NOT_YOURS 1000 /* the name was checked in with another signature */
#define NAME_NOT_YOURS NETNAME_NOT_YOURS
#define NETNAME_NOT_CHECKED_IN 1001 /* no such name there */
#define NAME_NOT_CHECKED_IN NETNAME_NOT_CHECKED_IN
#define NETNAME_NO_SUCH_HOST 1002   /* the host name cannot be resolved, or is not a peer */
#define NETNAME_HOST_NOT_FOUND 1003 /* the host does not answer; for "*": nobody has the name */
#define NETNAME_INVALID_PORT 1004   /* null or dead port or signature */

#endif /* _SERVERS_NETNAME_DEFS_H_ */
