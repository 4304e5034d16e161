/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of sample.defs, as a user makes them (sample_user.c) and as a server carries them out (the functions that
 * begin with serve_, which sample_server calls). Each gives back what it was given, or as said. */
#ifndef TESTS_STUBS_SAMPLE_H_
#define TESTS_STUBS_SAMPLE_H_

#include "tests/stubs/sample_types.h"

/* The ids of the requests. */
enum {
  kNothing = 7400,
  kNumbers,
  kLabel,
  kText,
  kRow,
  kList,
  kPoint,
  kMemory,
  kGiveMemory,
  kTake,
  kGive,
  kReceive,
  kPorts,
  kAny,
  kFail,
  kLater,
  kTry,
  kNote,
  kPost,
  kNoted,
  kQuit,
  kSampleEnd
};

#ifdef __cplusplus
extern "C" {
#endif

kern_return_t sample_nothing(mach_port_t server);
kern_return_t sample_numbers(mach_port_t server, int a, int* b, int64_t* c); /* b += a, c = b * 2^32 */
kern_return_t sample_label(mach_port_t server, const_label_t label, label_t answer);
kern_return_t sample_text(mach_port_t server, const_text_t text, text_t answer);
kern_return_t sample_row(mach_port_t server, const row_t row, row_t back);
kern_return_t sample_list(mach_port_t server, const_list_t list, mach_msg_type_number_t listCnt, list_t back,
                          mach_msg_type_number_t* backCnt);
kern_return_t sample_point(mach_port_t server, point_t* point); /* x, y, z -> z, x, y */
kern_return_t sample_memory(mach_port_t server, vm_offset_t data, mach_msg_type_number_t dataCnt,
                            vm_offset_t* back, mach_msg_type_number_t* backCnt);
kern_return_t sample_give_memory(mach_port_t server, vm_offset_t data, mach_msg_type_number_t dataCnt,
                                 vm_offset_t* back, mach_msg_type_number_t* backCnt);
/* Each right is used up by a message to it, whose id is 1 for the first and so on. */
kern_return_t sample_take(mach_port_t server, mach_port_t copied, mach_port_t made, mach_port_t moved,
                          mach_port_t once_made, mach_port_t once_moved);
/* Rights for the server's own port. */
kern_return_t sample_give(mach_port_t server, mach_port_t* copied, mach_port_t* made, mach_port_t* moved,
                          mach_port_t* once_made, mach_port_t* once_moved);
kern_return_t sample_receive(mach_port_t server, mach_port_t right, mach_port_t* back);
kern_return_t sample_ports(mach_port_t server, mach_port_array_t ports, mach_msg_type_number_t portsCnt,
                           mach_port_array_t* back, mach_msg_type_number_t* backCnt);
kern_return_t sample_any(mach_port_t server, mach_port_t right, mach_msg_type_name_t rightPoly,
                         mach_port_t* back, mach_msg_type_name_t* backPoly);
kern_return_t sample_fail(mach_port_t server, int code); /* that code */
/* Answered by the next sample_note, with its number as code; one of 0 gives it up, which ends it with MIG_SERVER_DIED. */
kern_return_t sample_later(mach_port_t server, natural_t limit);
kern_return_t sample_try(mach_port_t server, int option, int number);
kern_return_t sample_note(mach_port_t server, int number);
kern_return_t sample_post(mach_port_t server, int option, const_text_t text); /* noted is its length */
kern_return_t sample_noted(mach_port_t server, int* sum); /* of all numbers noted, tried and posted */
kern_return_t sample_quit(mach_port_t server); /* the server's process ends; without an answer, of course */

/* Handles a request to the server; FALSE if it is none of these. */
boolean_t sample_server(mach_msg_header_t* request, mach_msg_header_t* reply);

kern_return_t serve_sample_nothing(mach_port_t server);
kern_return_t serve_sample_numbers(mach_port_t server, int a, int* b, int64_t* c);
kern_return_t serve_sample_label(mach_port_t server, const_label_t label, label_t answer);
kern_return_t serve_sample_text(mach_port_t server, const_text_t text, text_t answer);
kern_return_t serve_sample_row(mach_port_t server, const row_t row, row_t back);
kern_return_t serve_sample_list(mach_port_t server, const_list_t list, mach_msg_type_number_t listCnt,
                                list_t back, mach_msg_type_number_t* backCnt);
kern_return_t serve_sample_point(mach_port_t server, point_t* point);
kern_return_t serve_sample_memory(mach_port_t server, vm_offset_t data, mach_msg_type_number_t dataCnt,
                                  vm_offset_t* back, mach_msg_type_number_t* backCnt);
kern_return_t serve_sample_give_memory(mach_port_t server, vm_offset_t data, mach_msg_type_number_t dataCnt,
                                       vm_offset_t* back, mach_msg_type_number_t* backCnt);
kern_return_t serve_sample_take(mach_port_t server, mach_port_t copied, mach_port_t made, mach_port_t moved,
                                mach_port_t once_made, mach_port_t once_moved);
kern_return_t serve_sample_give(mach_port_t server, mach_port_t* copied, mach_port_t* made,
                                mach_port_t* moved, mach_port_t* once_made, mach_port_t* once_moved);
kern_return_t serve_sample_receive(mach_port_t server, mach_port_t right, mach_port_t* back);
kern_return_t serve_sample_ports(mach_port_t server, mach_port_array_t ports, mach_msg_type_number_t portsCnt,
                                 mach_port_array_t* back, mach_msg_type_number_t* backCnt);
kern_return_t serve_sample_any(mach_port_t server, mach_port_t right, mach_msg_type_name_t rightPoly,
                               mach_port_t* back, mach_msg_type_name_t* backPoly);
kern_return_t serve_sample_fail(mach_port_t server, int code);
kern_return_t serve_sample_later(mach_port_t server, mach_port_t reply);
kern_return_t serve_sample_try(mach_port_t server, int number);
kern_return_t serve_sample_note(mach_port_t server, int number);
kern_return_t serve_sample_post(mach_port_t server, const_text_t text);
kern_return_t serve_sample_noted(mach_port_t server, int* sum);
kern_return_t serve_sample_quit(mach_port_t server);

#ifdef __cplusplus
}
#endif

#endif /* TESTS_STUBS_SAMPLE_H_ */
