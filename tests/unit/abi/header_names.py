# SPDX-License-Identifier: Apache-2.0
"""What each public header provides by itself: the table of spec 07 section 4 with sections 5 to 7 of 05 and section 6 of 07,
as constant expressions that must hold with nothing else included. A function is there if it has an address."""


def values(**names):
    return [f"{name} == {value}" for name, value in names.items()]


def sizes(bytes_each, names):
    return [f"sizeof({name}) == {bytes_each}" for name in names.split()]


def functions(names):
    return [f"sizeof(&({name})) == 8" for name in names.split()]


def variables(names):
    return [f"sizeof({name}) == 4" for name in names.split()]


BOOLEAN = sizes(4, "boolean_t") + values(TRUE=1, FALSE=0)

KERN_CODES = values(
    KERN_SUCCESS=0, KERN_INVALID_ADDRESS=1, KERN_PROTECTION_FAILURE=2, KERN_NO_SPACE=3, KERN_INVALID_ARGUMENT=4,
    KERN_FAILURE=5, KERN_RESOURCE_SHORTAGE=6, KERN_NOT_RECEIVER=7, KERN_NO_ACCESS=8, KERN_MEMORY_FAILURE=9,
    KERN_MEMORY_ERROR=10, KERN_NOT_IN_SET=12, KERN_NAME_EXISTS=13, KERN_ABORTED=14, KERN_INVALID_NAME=15,
    KERN_INVALID_TASK=16, KERN_INVALID_RIGHT=17, KERN_INVALID_VALUE=18, KERN_UREFS_OVERFLOW=19,
    KERN_INVALID_CAPABILITY=20, KERN_RIGHT_EXISTS=21, KERN_INVALID_HOST=22, KERN_MEMORY_PRESENT=23,
    KERN_WRITE_PROTECTION_FAILURE=24, KERN_TERMINATED=26, KERN_TIMEDOUT=27, KERN_INTERRUPTED=28)

INTEGERS = (
    sizes(4, "natural_t integer_t")
    + sizes(8, "long_natural_t long_integer_t vm_offset_t vm_size_t vm_offset_array_t vm_size_array_t rpc_uintptr_t"
               " rpc_vm_offset_t rpc_vm_size_t rpc_vm_address_t rpc_long_natural_t rpc_long_integer_t phys_addr_t")
    + ["(natural_t)-1 > 0", "(integer_t)-1 < 0", "(long_natural_t)-1 > 0", "(long_integer_t)-1 < 0"])

PORT = (
    sizes(4, "mach_port_name_t mach_port_t mach_port_right_t mach_port_type_t mach_port_urefs_t mach_port_delta_t"
             " mach_port_seqno_t mach_port_mscount_t mach_port_msgcount_t mach_port_rights_t mach_port_ktype_t")
    + sizes(8, "mach_port_name_array_t mach_port_array_t mach_port_type_array_t const_mach_port_name_array_t"
               " const_mach_port_array_t const_mach_port_type_array_t mach_port_name_inlined_t")
    + sizes(36, "mach_port_status_t")
    + values(MACH_PORT_NULL=0, MACH_PORT_DEAD="~0u", MACH_PORT_NAME_NULL=0, MACH_PORT_NAME_DEAD="~0u",
             MACH_PORT_RIGHT_SEND=0, MACH_PORT_RIGHT_RECEIVE=1, MACH_PORT_RIGHT_SEND_ONCE=2,
             MACH_PORT_RIGHT_PORT_SET=3, MACH_PORT_RIGHT_DEAD_NAME=4, MACH_PORT_RIGHT_NUMBER=5,
             MACH_PORT_TYPE_NONE=0, MACH_PORT_TYPE_SEND="1u << 16", MACH_PORT_TYPE_RECEIVE="1u << 17",
             MACH_PORT_TYPE_SEND_ONCE="1u << 18", MACH_PORT_TYPE_PORT_SET="1u << 19",
             MACH_PORT_TYPE_DEAD_NAME="1u << 20", MACH_PORT_TYPE_SEND_RECEIVE="0x30000u",
             MACH_PORT_TYPE_SEND_RIGHTS="0x50000u", MACH_PORT_TYPE_PORT_RIGHTS="0x70000u",
             MACH_PORT_TYPE_PORT_OR_DEAD="0x170000u", MACH_PORT_TYPE_ALL_RIGHTS="0x1f0000u",
             MACH_PORT_TYPE_DNREQUEST="0x80000000u", MACH_PORT_TYPE_MAREQUEST="0x40000000u",
             MACH_PORT_QLIMIT_DEFAULT=5, MACH_PORT_QLIMIT_MAX=16, MACH_PORT_KTYPE_NONE=0,
             MACH_PORT_KTYPE_USER_DEVICE=28)
    + ["MACH_PORT_VALID(1u)", "!MACH_PORT_VALID(0u)", "!MACH_PORT_VALID(~0u)", "MACH_PORT_NAME_VALID(1u)",
       "!MACH_PORT_NAME_VALID(0u)", "!MACH_PORT_NAME_VALID(~0u)", "MACH_PORT_TYPE(4u) == 1u << 20"])

MESSAGE = (
    sizes(4, "mach_msg_timeout_t mach_msg_bits_t mach_msg_size_t mach_msg_seqno_t mach_msg_id_t mach_msg_kind_t"
             " mach_msg_type_name_t mach_msg_type_size_t mach_msg_type_number_t mach_msg_option_t mach_msg_return_t")
    + sizes(8, "mach_msg_type_t mach_msg_type_long_t") + sizes(32, "mach_msg_header_t mach_msg_user_header_t")
    + values(MACH_MSG_TIMEOUT_NONE=0, MACH_MSGH_KIND_NORMAL=0, MACH_MSG_SIZE_MAX="~0u", MACH_MSG_USER_ALIGNMENT=8,
             MACH_MSGH_BITS_ZERO=0, MACH_MSGH_BITS_REMOTE_MASK="0xffu", MACH_MSGH_BITS_LOCAL_MASK="0xff00u",
             MACH_MSGH_BITS_COMPLEX="0x80000000u", MACH_MSGH_BITS_CIRCULAR="0x40000000u",
             MACH_MSG_TYPE_UNSTRUCTURED=0, MACH_MSG_TYPE_BIT=0, MACH_MSG_TYPE_BOOLEAN=0, MACH_MSG_TYPE_INTEGER_16=1,
             MACH_MSG_TYPE_INTEGER_32=2, MACH_MSG_TYPE_INTEGER_T=2, MACH_MSG_TYPE_CHAR=8, MACH_MSG_TYPE_BYTE=9,
             MACH_MSG_TYPE_INTEGER_8=9, MACH_MSG_TYPE_REAL=10, MACH_MSG_TYPE_INTEGER_64=11, MACH_MSG_TYPE_STRING=12,
             MACH_MSG_TYPE_STRING_C=12, MACH_MSG_TYPE_PORT_NAME=15, MACH_MSG_TYPE_MOVE_RECEIVE=16,
             MACH_MSG_TYPE_MOVE_SEND=17, MACH_MSG_TYPE_MOVE_SEND_ONCE=18, MACH_MSG_TYPE_COPY_SEND=19,
             MACH_MSG_TYPE_MAKE_SEND=20, MACH_MSG_TYPE_MAKE_SEND_ONCE=21, MACH_MSG_TYPE_PROTECTED_PAYLOAD=23,
             MACH_MSG_TYPE_LAST=23, MACH_MSG_TYPE_PORT_RECEIVE=16, MACH_MSG_TYPE_PORT_SEND=17,
             MACH_MSG_TYPE_PORT_SEND_ONCE=18, MACH_MSG_TYPE_POLYMORPHIC="~0u",
             MACH_MSG_OPTION_NONE=0, MACH_SEND_MSG=1, MACH_RCV_MSG=2, MACH_SEND_TIMEOUT="0x10", MACH_SEND_NOTIFY="0x20",
             MACH_SEND_INTERRUPT="0x40", MACH_SEND_CANCEL="0x80", MACH_RCV_TIMEOUT="0x100", MACH_RCV_NOTIFY="0x200",
             MACH_RCV_INTERRUPT="0x400", MACH_RCV_LARGE="0x800", MACH_MSG_SUCCESS=0, MACH_MSG_MASK="0x3c00",
             MACH_MSG_IPC_SPACE="0x2000", MACH_MSG_VM_SPACE="0x1000", MACH_MSG_IPC_KERNEL="0x800",
             MACH_MSG_VM_KERNEL="0x400")
    + [f"MACH_SEND_{name} == 0x10000001 + {at}" for at, name in enumerate(
        "IN_PROGRESS INVALID_DATA INVALID_DEST TIMED_OUT WILL_NOTIFY NOTIFY_IN_PROGRESS INTERRUPTED MSG_TOO_SMALL"
        " INVALID_REPLY INVALID_RIGHT INVALID_NOTIFY INVALID_MEMORY NO_BUFFER NO_NOTIFY INVALID_TYPE"
        " INVALID_HEADER".split())]
    + [f"MACH_RCV_{name} == 0x10004001 + {at}" for at, name in enumerate(
        "IN_PROGRESS INVALID_NAME TIMED_OUT TOO_LARGE INTERRUPTED PORT_CHANGED INVALID_NOTIFY INVALID_DATA PORT_DIED"
        " IN_SET HEADER_ERROR BODY_ERROR".split())]
    + ["MACH_MSGH_BITS(19, 21) == 0x1513", "sizeof(((mach_msg_header_t*)0)->msgh_kind) == 4"]
    + functions("mach_msg mach_msg_trap mach_msg_send mach_msg_receive"))

VM_PROT = sizes(4, "vm_prot_t") + values(VM_PROT_NONE=0, VM_PROT_READ=1, VM_PROT_WRITE=2, VM_PROT_EXECUTE=4,
                                         VM_PROT_DEFAULT=3, VM_PROT_ALL=7)
VM_INHERIT = sizes(4, "vm_inherit_t") + values(VM_INHERIT_SHARE=0, VM_INHERIT_COPY=1, VM_INHERIT_NONE=2)
VM_STATISTICS = sizes(52, "vm_statistics_data_t") + sizes(8, "vm_statistics_t") + [
    f"__builtin_offsetof(struct vm_statistics, {field}) == {4 * at}" for at, field in enumerate(
        "pagesize free_count active_count inactive_count wire_count zero_fill_count reactivations pageins pageouts faults"
        " cow_faults lookups hits".split())]
TIME_VALUE = sizes(16, "time_value_t") + [
    "sizeof(struct time_value) == 16", "__builtin_offsetof(time_value_t, microseconds) == 8"]
TASK_SPECIAL_PORTS = values(TASK_KERNEL_PORT=1, TASK_EXCEPTION_PORT=3, TASK_BOOTSTRAP_PORT=4)
THREAD_SPECIAL_PORTS = values(THREAD_KERNEL_PORT=1, THREAD_EXCEPTION_PORT=3)
MACH_PARAM = values(TASK_PORT_REGISTER_MAX=4)
MACHINE = sizes(4, "cpu_type_t cpu_subtype_t") + values(CPU_TYPE_X86_64=21)
HOST_INFO = sizes(8, "host_info_t const_host_info_t host_basic_info_t") + values(HOST_BASIC_INFO=1, HOST_PROCESSOR_SLOTS=2,
                                                              HOST_SCHED_INFO=3, HOST_LOAD_INFO=4)
TASK_INFO = sizes(8, "task_info_t const_task_info_t task_basic_info_t") + sizes(72, "task_basic_info_data_t") + values(
    TASK_BASIC_INFO=1, TASK_EVENTS_INFO=2, TASK_THREAD_TIMES_INFO=3, TASK_BASIC_INFO_COUNT=18)
THREAD_INFO = sizes(8, "thread_info_t const_thread_info_t thread_basic_info_t") + sizes(80, "thread_basic_info_data_t") + values(
    THREAD_BASIC_INFO=1, THREAD_SCHED_INFO=2, TH_STATE_RUNNING=1, THREAD_BASIC_INFO_COUNT=20)
EXCEPTION = values(EXC_BAD_ACCESS=1, EXC_BAD_INSTRUCTION=2, EXC_ARITHMETIC=3, EXC_EMULATION=4, EXC_SOFTWARE=5,
                   EXC_BREAKPOINT=6)
POLICY = values(POLICY_TIMESHARE=1, POLICY_FIXEDPRI=2) + ["invalid_policy(0)", "!invalid_policy(2)"]
MEMORY_OBJECT = (sizes(4, "memory_object_t memory_object_control_t memory_object_name_t")
                 + sizes(8, "memory_object_array_t")
                 + values(MEMORY_OBJECT_NULL=0, MEMORY_OBJECT_COPY_NONE=0, MEMORY_OBJECT_COPY_DELAY=2))
THREAD_STATUS = sizes(8, "thread_state_t const_thread_state_t") + values(THREAD_STATE_MAX=1024)

STD_TYPES = BOOLEAN + KERN_CODES + INTEGERS + PORT + sizes(8, "pointer_t vm_address_t")
MACH_TYPES = (
    sizes(4, "task_t thread_t host_t host_priv_t vm_task_t ipc_space_t processor_t processor_set_t"
             " processor_set_name_t")
    + sizes(8, "task_array_t thread_array_t const_task_array_t const_thread_array_t processor_array_t"
               " processor_set_array_t processor_set_name_array_t emulation_vector_t")
    + VM_PROT + VM_INHERIT + VM_STATISTICS + TIME_VALUE + TASK_SPECIAL_PORTS + THREAD_SPECIAL_PORTS + MACHINE
    + HOST_INFO + TASK_INFO + THREAD_INFO + MEMORY_OBJECT + THREAD_STATUS + EXCEPTION + POLICY)

NOTIFY = (
    sizes(48, "mach_port_deleted_notification_t mach_msg_accepted_notification_t mach_port_destroyed_notification_t"
              " mach_no_senders_notification_t mach_dead_name_notification_t")
    + sizes(32, "mach_send_once_notification_t")
    + values(MACH_NOTIFY_FIRST=64, MACH_NOTIFY_PORT_DELETED=65, MACH_NOTIFY_MSG_ACCEPTED=66,
             MACH_NOTIFY_PORT_DESTROYED=69, MACH_NOTIFY_NO_SENDERS=70, MACH_NOTIFY_SEND_ONCE=71,
             MACH_NOTIFY_DEAD_NAME=72, MACH_NOTIFY_LAST=77))

MACH_INIT = variables("mach_task_self() mach_host_self() mach_task_self_ name_server_port environment_port service_port"
                      " bootstrap_port") + ["sizeof(vm_page_size) == 8", "sizeof(round_page(1)) == 8",
                                            "sizeof(trunc_page(1)) == 8"]
TRAPS = functions("mach_reply_port mach_task_self mach_thread_self mach_host_self")
PORT_CALLS = functions(
    "mach_port_names mach_port_type mach_port_rename mach_port_allocate_name mach_port_allocate mach_port_destroy"
    " mach_port_deallocate mach_port_get_refs mach_port_mod_refs mach_port_set_qlimit mach_port_set_mscount"
    " mach_port_get_set_status mach_port_move_member mach_port_request_notification mach_port_insert_right"
    " mach_port_extract_right mach_port_get_receive_status mach_port_set_seqno mach_port_set_protected_payload"
    " mach_port_clear_protected_payload mach_port_set_ktype")
HOST_CALLS = functions("host_page_size")
VM_CALLS = functions("vm_allocate vm_deallocate vm_read vm_write vm_copy vm_protect vm_inherit vm_map vm_region"
                     " vm_statistics")
TASK_CALLS = VM_CALLS + HOST_CALLS + functions(
    "task_get_special_port task_set_special_port mach_ports_register mach_ports_lookup")

ERROR = sizes(4, "mach_error_t") + values(
    err_kern=0, err_us="1 << 26", err_server="2 << 26", err_ipc="3 << 26", err_mach_ipc="4 << 26",
    err_bootstrap="5 << 26", err_hurd="0x10 << 26", err_local="(int)(0x3eu << 26)",
    err_ipc_compat="(int)(0x3fu << 26)") + [
    "err_system(4) == 0x10000000", "err_sub(1) == 0x4000", "err_get_system(0x10004003) == 4",
    "err_get_sub(0x10004003) == 1", "err_get_code(0x10004003) == 3"]
ERROR_TEXTS = ERROR + functions("mach_error_string mach_error mach_error_type")

MIG_ERRORS = sizes(48, "mig_reply_header_t") + sizes(8, "mig_routine_t") + sizes(24, "mig_symtab_t") + [
    f"MIG_{name} == -300 - {at}" for at, name in enumerate(
        "TYPE_ERROR REPLY_MISMATCH REMOTE_ERROR BAD_ID BAD_ARGUMENTS NO_REPLY EXCEPTION ARRAY_TOO_LARGE SERVER_DIED"
        " DESTROY_REQUEST".split())]

MIG_CALLS = ("mig_get_reply_port mig_put_reply_port mig_dealloc_reply_port mig_strncpy mig_allocate mig_deallocate mig_init"
             " mig_reply_setup")
MIG_SUPPORT = functions(MIG_CALLS) + functions(" ".join(f"__{name}" for name in MIG_CALLS.split())) + functions(
    "memcpy strlen")

VM_PARAM = values(PAGE_SIZE=4096, PAGE_SHIFT=12, PAGE_MASK=4095, BYTE_SIZE=8)
VERSION = ["KERNEL_MAJOR_VERSION >= 3"]
MSG_TYPE = values(MSG_TYPE_RPC="1 << 8")

EVERYTHING = (
    STD_TYPES + MESSAGE + MACH_TYPES + NOTIFY + MACH_INIT + TRAPS + PORT_CALLS + TASK_CALLS + ERROR_TEXTS + MIG_ERRORS
    + MACH_PARAM + VM_PARAM + VERSION + MSG_TYPE
    + functions("mach_msg_server mach_msg_server_timeout mach_msg_destroy"))

NETNAME_DEFS = sizes(80, "netname_name_t") + sizes(8, "const_netname_name_t") + values(
    NETNAME_SUCCESS=0, NETNAME_PENDING=-1, NETNAME_NOT_YOURS=1000, NAME_NOT_YOURS=1000, NETNAME_NOT_CHECKED_IN=1001,
    NAME_NOT_CHECKED_IN=1001, NETNAME_NO_SUCH_HOST=1002, NETNAME_HOST_NOT_FOUND=1003, NETNAME_INVALID_PORT=1004)

PROVIDES = {
    "mach.h": EVERYTHING,
    "mach/mach.h": EVERYTHING,
    "mach_init.h": MACH_INIT,
    "mach/mach_init.h": MACH_INIT,
    "mach/boolean.h": BOOLEAN,
    "mach/machine/boolean.h": sizes(4, "boolean_t"),
    "mach/kern_return.h": sizes(4, "kern_return_t") + KERN_CODES,
    "mach/machine/kern_return.h": sizes(4, "kern_return_t"),
    "mach/machine/vm_types.h": INTEGERS,
    "mach/std_types.h": STD_TYPES,
    "mach/port.h": PORT,
    "mach/message.h": MESSAGE,
    "mach/mach_types.h": MACH_TYPES,
    "mach/vm_prot.h": VM_PROT,
    "mach/vm_inherit.h": VM_INHERIT,
    "mach/vm_statistics.h": VM_STATISTICS,
    "mach/vm_param.h": VM_PARAM,
    "mach/task_special_ports.h": TASK_SPECIAL_PORTS,
    "mach/thread_special_ports.h": THREAD_SPECIAL_PORTS,
    "mach/mach_param.h": MACH_PARAM,
    "mach/time_value.h": TIME_VALUE,
    "mach/host_info.h": HOST_INFO,
    "mach/machine.h": MACHINE,
    "mach/task_info.h": TASK_INFO,
    "mach/thread_info.h": THREAD_INFO,
    "mach/exception.h": EXCEPTION,
    "mach/policy.h": POLICY,
    "mach/memory_object.h": MEMORY_OBJECT,
    "mach/thread_status.h": THREAD_STATUS,
    "mach/notify.h": NOTIFY,
    "mach/mach_traps.h": TRAPS,
    "mach/mach_port.h": PORT_CALLS,
    "mach/mach_interface.h": TASK_CALLS,
    "mach/mach_host.h": HOST_CALLS,
    "mach-shortcuts.h": PORT_CALLS + TASK_CALLS + TRAPS,
    "mach/vm_calls.h": VM_CALLS,
    "mach/error.h": ERROR,
    "mach_error.h": ERROR_TEXTS,
    "mach/mach_error.h": ERROR_TEXTS,
    "mach/mig_errors.h": MIG_ERRORS,
    "mach/mig_support.h": MIG_SUPPORT,
    "mach/msg_type.h": MSG_TYPE,
    "mach/macro_help.h": [],
    "mach/inline.h": [],
    "mach/version.h": VERSION,
    "servers/netname.h": NETNAME_DEFS + functions(
        "netname_check_in netname_look_up netname_check_out netname_version netname_wait_for_server"),
    "servers/netname_defs.h": NETNAME_DEFS,
}

# Macros that have no value: defined by the header named.
DEFINES = {
    "mach/std_types.h": ["EXPORT_BOOLEAN"],
    "mach/macro_help.h": ["MACRO_BEGIN", "MACRO_END"],
    "mach/inline.h": ["MACH_INLINE"],
}
