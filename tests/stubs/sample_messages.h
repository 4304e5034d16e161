/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of sample.defs, as current stub generators lay them out (spec 07 section 5): after the header, for each
 * argument its descriptor and its data, and padding that leaves the next one at a multiple of 8. */
#ifndef TESTS_STUBS_SAMPLE_MESSAGES_H_
#define TESTS_STUBS_SAMPLE_MESSAGES_H_

#include "tests/stubs/sample.h"
#include "tests/stubs/sample_types.h"
#include "tests/stubs/stub.h"

#define REPLY_HEAD             \
  mach_msg_header_t Head;      \
  mach_msg_type_t RetCodeType; \
  kern_return_t RetCode;       \
  char RetCodePad[4]
#define PORT_ITEM(name)       \
  mach_msg_type_t name##Type; \
  mach_port_name_inlined_t name
#define INT_ITEM(name)        \
  mach_msg_type_t name##Type; \
  int name;                   \
  char name##Pad[4]

typedef struct {
  mach_msg_header_t Head;
} BareRequest;
typedef struct {
  REPLY_HEAD;
} BareReply;
_Static_assert(sizeof(BareRequest) == 32, "as generated");
_Static_assert(sizeof(BareReply) == 48, "as generated");

typedef struct {
  mach_msg_header_t Head;
  INT_ITEM(number);
} NumberRequest;
_Static_assert(sizeof(NumberRequest) == 48, "as generated");

typedef struct {
  mach_msg_header_t Head;
  INT_ITEM(a);
  INT_ITEM(b);
} NumbersRequest;
typedef struct {
  REPLY_HEAD;
  INT_ITEM(b);
  mach_msg_type_t cType;
  int64_t c;
} NumbersReply;
_Static_assert(sizeof(NumbersRequest) == 64, "as generated");
_Static_assert(sizeof(NumbersReply) == 80, "as generated");

typedef struct {
  REPLY_HEAD;
  INT_ITEM(sum);
} NotedReply;
_Static_assert(sizeof(NotedReply) == 64, "as generated");

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t labelType;
  label_t label;
} LabelRequest;
typedef struct {
  REPLY_HEAD;
  mach_msg_type_t answerType;
  label_t answer;
} LabelReply;
_Static_assert(sizeof(LabelRequest) == 72, "as generated");
_Static_assert(sizeof(LabelReply) == 88, "as generated");

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t textType;
  union {
    char text[128];
    const char* textP;
  };
} TextRequest;
typedef struct {
  REPLY_HEAD;
  mach_msg_type_t answerType;
  union {
    char answer[128];
    char* answerP;
  };
} TextReply;
_Static_assert(sizeof(TextRequest) == 168, "as generated");
_Static_assert(sizeof(TextReply) == 184, "as generated");

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t rowType;
  row_t row;
  char rowPad[4];
} RowRequest;
typedef struct {
  REPLY_HEAD;
  mach_msg_type_t backType;
  row_t back;
  char backPad[4];
} RowReply;
_Static_assert(sizeof(RowRequest) == 64, "as generated");
_Static_assert(sizeof(RowReply) == 80, "as generated");

enum { kListMax = 16 };
typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t listType;
  union {
    int list[kListMax];
    const int* listP;
  };
} ListRequest;
typedef struct {
  REPLY_HEAD;
  mach_msg_type_t backType;
  union {
    int back[kListMax];
    int* backP;
  };
} ListReply;
_Static_assert(sizeof(ListRequest) == 104, "as generated");
_Static_assert(sizeof(ListReply) == 120, "as generated");

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t pointType;
  point_t point;
  char pointPad[4];
} PointRequest;
typedef struct {
  REPLY_HEAD;
  mach_msg_type_t pointType;
  point_t point;
  char pointPad[4];
} PointReply;
_Static_assert(sizeof(PointRequest) == 56, "as generated");
_Static_assert(sizeof(PointReply) == 72, "as generated");

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_long_t dataType;
  vm_offset_t data;
} MemoryRequest;
typedef struct {
  REPLY_HEAD;
  mach_msg_type_long_t backType;
  vm_offset_t back;
} MemoryReply;
_Static_assert(sizeof(MemoryRequest) == 48, "as generated");
_Static_assert(sizeof(MemoryReply) == 64, "as generated");

typedef struct {
  mach_msg_header_t Head;
  PORT_ITEM(copied);
  PORT_ITEM(made);
  PORT_ITEM(moved);
  PORT_ITEM(once_made);
  PORT_ITEM(once_moved);
} TakeRequest;
typedef struct {
  REPLY_HEAD;
  PORT_ITEM(copied);
  PORT_ITEM(made);
  PORT_ITEM(moved);
  PORT_ITEM(once_made);
  PORT_ITEM(once_moved);
} GiveReply;
_Static_assert(sizeof(TakeRequest) == 112, "as generated");
_Static_assert(sizeof(GiveReply) == 128, "as generated");

typedef struct {
  mach_msg_header_t Head;
  PORT_ITEM(right);
} RightRequest;
typedef struct {
  REPLY_HEAD;
  PORT_ITEM(back);
} RightReply;
_Static_assert(sizeof(RightRequest) == 48, "as generated");
_Static_assert(sizeof(RightReply) == 64, "as generated");

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_long_t portsType;
  mach_port_array_t ports;
} PortsRequest;
typedef struct {
  REPLY_HEAD;
  mach_msg_type_long_t backType;
  mach_port_array_t back;
} PortsReply;
_Static_assert(sizeof(PortsRequest) == 48, "as generated");
_Static_assert(sizeof(PortsReply) == 64, "as generated");

/* The descriptors, as both sides expect them. */
static const mach_msg_type_t kInt64 = INLINE_ITEM(MACH_MSG_TYPE_INTEGER_64, 64, 1);
static const mach_msg_type_t kLabelItem = INLINE_ITEM(MACH_MSG_TYPE_STRING_C, 8, 32);
static const mach_msg_type_t kTextItem = INLINE_ITEM(MACH_MSG_TYPE_STRING_C, 8, 128);
static const mach_msg_type_t kRowItem = INLINE_ITEM(MACH_MSG_TYPE_INTEGER_32, 32, 5);
static const mach_msg_type_t kListItem = INLINE_ITEM(MACH_MSG_TYPE_INTEGER_32, 32, kListMax);
static const mach_msg_type_t kPointItem = INLINE_ITEM(MACH_MSG_TYPE_INTEGER_32, 32, 3);
static const mach_msg_type_t kCopySend = INLINE_ITEM(MACH_MSG_TYPE_COPY_SEND, 64, 1);
static const mach_msg_type_t kMakeSend = INLINE_ITEM(MACH_MSG_TYPE_MAKE_SEND, 64, 1);
static const mach_msg_type_t kMoveSend = INLINE_ITEM(MACH_MSG_TYPE_MOVE_SEND, 64, 1); /* and PORT_SEND */
static const mach_msg_type_t kMakeSendOnce = INLINE_ITEM(MACH_MSG_TYPE_MAKE_SEND_ONCE, 64, 1);
static const mach_msg_type_t kMoveSendOnce = INLINE_ITEM(MACH_MSG_TYPE_MOVE_SEND_ONCE, 64, 1);
static const mach_msg_type_t kMoveReceive = INLINE_ITEM(MACH_MSG_TYPE_MOVE_RECEIVE, 64, 1);
static const mach_msg_type_t kPolymorphic = INLINE_ITEM(MACH_MSG_TYPE_POLYMORPHIC, 64, 1);
static const mach_msg_type_long_t kBytes = OUT_OF_LINE_ITEM(MACH_MSG_TYPE_CHAR, 8, FALSE);
static const mach_msg_type_long_t kGivenBytes = OUT_OF_LINE_ITEM(MACH_MSG_TYPE_CHAR, 8, TRUE);
static const mach_msg_type_long_t kCopiedPorts = OUT_OF_LINE_ITEM(MACH_MSG_TYPE_COPY_SEND, 32, FALSE);
static const mach_msg_type_long_t kMovedPorts = OUT_OF_LINE_ITEM(MACH_MSG_TYPE_MOVE_SEND, 32, TRUE);

#endif /* TESTS_STUBS_SAMPLE_MESSAGES_H_ */
