// The trace a recorder leaves: one event after the other, in the order in which they happened.
// Event: u8 kind, u8 flags, u16 zero, u32 file, u64 offset, u64 length, then `length` bytes for the
// kinds that carry data. Files are numbered from 1 as they appear; 0 is the recorded folder.
#pragma once

#include <cstdint>

namespace hauspost::crash {

enum class EventKind : std::uint8_t {
  kCreate = 1,  // file; data: path below the folder
  kMakeFolder,  // file (folders have numbers too); data: path
  kRename,      // data: from, NUL, to
  kRemove,      // data: path
  kWrite,       // file, offset, data
  kTruncate,    // file, offset: the new size
  kAllocate,    // file, offset, length: at least this range exists, new parts are zero (no data)
  kSyncBegin,   // file, offset: number of this sync
  kSyncEnd,     // file, offset: number of this sync, which succeeded
  kMark,        // data: a line of the workload's own
};
inline constexpr std::uint8_t kFlagSynchronous =
    1;  // of kWrite: durable when it returned (O_DSYNC)

struct EventHeader {
  EventKind kind;
  std::uint8_t flags = 0;
  std::uint16_t zero = 0;
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
static_assert(sizeof(EventHeader) == 24);

// Exported by the recorder; a workload finds it by dlsym and runs without when it is absent.
inline constexpr char kMarkFunction[] = "hauspost_trace_mark";
using MarkFunction = void (*)(const char* bytes, std::size_t size);

// Environment of a recorded process.
inline constexpr char kFolderVariable[] = "HAUSPOST_TRACE_FOLDER";
inline constexpr char kTraceVariable[] = "HAUSPOST_TRACE_FILE";

}  // namespace hauspost::crash
