// The change log's bytes, format 1 (store/README.md has the tables). Pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/types.h"

namespace hauspost::store {

inline constexpr std::uint32_t kLogFormat = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 4096;
inline constexpr std::uint32_t kRecordMagic = 0x31525048;  // "HPR1"
inline constexpr std::size_t kCrcBegins = 8;               // of records and blobs
inline constexpr std::size_t kRecordHeaderBytes = 88;
inline constexpr std::size_t kBlobHeaderBytes = 48;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kDeviceMax = 128;
inline constexpr std::uint64_t kRecordBytesMax = 1ULL << 30;

constexpr std::uint64_t aligned(std::uint64_t size) {
  return (size + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

struct SegmentHeader {
  Guid database;
  Lsn first_lsn;
  std::uint64_t epoch = 0;
  std::int64_t created_us = 0;
};
std::string encode_segment_header(const SegmentHeader& header);
// kCorrupt: magic, format or CRC.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

// A body ready for the log, made on the caller's thread.
struct PreparedBody {
  std::string header;  // of the blob
  std::string summary;
  std::shared_ptr<const std::string> message;  // shared with the caller: never changed
  std::uint64_t blob_bytes() const { return header.size() + summary.size() + message->size(); }
};
PreparedBody prepare_body(std::shared_ptr<const std::string> message, std::string summary);

struct BlobView {
  std::string_view summary;
  std::string_view message;
  std::string_view content_hash;  // BLAKE2b-128 of the message
  std::uint64_t bytes = 0;        // header, summary and message
};
// `bytes` begins at the blob and may go on behind it. kCorrupt: structure or, when `check`, CRC.
Result<BlobView> decode_blob(std::string_view bytes, bool check);

struct RecordHeader {
  Lsn lsn;
  std::uint64_t epoch = 0;
  std::int64_t time_us = 0;
  Actor actor;
};

// A record as it will be written: pieces of memory in order. Holds what they point into.
struct EncodedRecord {
  std::string head;  // header, device, operations, padding
  std::vector<std::shared_ptr<const PreparedBody>> bodies;
  std::vector<std::string_view> pieces;     // of the whole record, with its final padding
  std::vector<std::uint64_t> blob_offsets;  // from the start of the record
  std::uint64_t length = 0;                 // without the final padding
  std::uint64_t padded = 0;
};
// `segment` is the first LSN of the segment it goes to. The pieces stay valid while the object,
// which does not move, lives. REQUIRES: the device is at most kDeviceMax bytes.
std::unique_ptr<EncodedRecord> encode_record(
    const RecordHeader& header, std::uint32_t operations, std::string_view operation_bytes,
    std::vector<std::shared_ptr<const PreparedBody>> bodies, Lsn segment);

// What the CRC of a segment's records begins with: it binds a record to its segment, so that a copy
// of it in another place never passes.
std::uint32_t record_seed(Lsn segment);

struct RecordView {
  RecordHeader header;
  std::uint64_t length = 0;
  std::uint32_t operations = 0;
  std::string_view operation_bytes;
  struct Blob {
    std::uint64_t offset = 0;  // from the start of the record
    std::uint64_t bytes = 0;
  };
  std::vector<Blob> blobs;
};
// `bytes` begins at a record and goes on to the end of what is allocated. kNotFound: no whole
// record is here (the log's end or a torn tail). kCorrupt: the CRC holds but the content does not,
// which only our own mistake can write.
Result<RecordView> decode_record(std::string_view bytes, Lsn segment);

}  // namespace hauspost::store
