#include "store/log_format.h"

#include <sodium.h>

#include "base/bytes.h"
#include "base/check.h"

namespace hauspost::store {

namespace {

constexpr std::string_view kSegmentMagic = "HPLOGSEG";
constexpr std::uint32_t kBlobMagic = 0x31425048;    // "HPB1"
constexpr std::size_t kSegmentCrcAt = 12;
constexpr std::size_t kCrcAt = 4;      // of records and blobs
constexpr std::size_t kHashBytes = 16;
constexpr std::string_view kZeros("\0\0\0\0\0\0\0\0", 8);

void set_le32(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

std::uint32_t crc_with_zeroed_field(std::string_view page, std::size_t at) {
  std::uint32_t crc = crc32c(page.substr(0, at));
  crc = crc32c(kZeros.substr(0, 4), crc);
  return crc32c(page.substr(at + 4), crc);
}

Guid take_guid(ByteReader& in) { return Guid::from_bytes(in.take(16)).value_or(Guid{}); }

}  // namespace

std::uint32_t record_seed(Lsn segment) {
  std::string raw;
  put_le(raw, segment.value);
  return crc32c(raw);
}

std::string encode_segment_header(const SegmentHeader& header) {
  std::string page(kSegmentMagic);
  put_le(page, kLogFormat);
  put_le(page, std::uint32_t{0});
  page += header.database.as_bytes();
  put_le(page, header.first_lsn.value);
  put_le(page, header.epoch);
  put_le(page, header.created_us);
  page.resize(kSegmentHeaderBytes);
  set_le32(page, kSegmentCrcAt, crc32c(page));
  return page;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes)
    return fail(ErrorCode::kCorrupt, "segment shorter than its header");
  const std::string_view page = bytes.substr(0, kSegmentHeaderBytes);
  ByteReader in(page);
  if (in.take(kSegmentMagic.size()) != kSegmentMagic)
    return fail(ErrorCode::kCorrupt, "not a change log segment");
  if (in.le<std::uint32_t>() != kLogFormat)
    return fail(ErrorCode::kCorrupt, "unknown change log format");
  if (in.le<std::uint32_t>() != crc_with_zeroed_field(page, kSegmentCrcAt))
    return fail(ErrorCode::kCorrupt, "segment header fails its CRC");
  SegmentHeader header;
  header.database = take_guid(in);
  header.first_lsn = Lsn(in.le<std::uint64_t>());
  header.epoch = in.le<std::uint64_t>();
  header.created_us = in.le<std::int64_t>();
  return header;
}

PreparedBody prepare_body(std::shared_ptr<const std::string> message, std::string summary) {
  std::array<unsigned char, kHashBytes> hash;
  crypto_generichash(hash.data(), hash.size(),
                     reinterpret_cast<const unsigned char*>(message->data()), message->size(),
                     nullptr, 0);
  PreparedBody body;
  put_le(body.header, kBlobMagic);
  put_le(body.header, std::uint32_t{0});
  put_le(body.header, std::uint32_t{0});  // codec, key, reserved
  put_le(body.header, static_cast<std::uint32_t>(summary.size()));
  put_le(body.header, std::uint64_t{message->size()});
  put_le(body.header, std::uint64_t{message->size()});
  body.header.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  std::uint32_t crc = crc32c(std::string_view(body.header).substr(kCrcBegins));
  crc = crc32c(summary, crc);
  set_le32(body.header, kCrcAt, crc32c(*message, crc));
  body.summary = std::move(summary);
  body.message = std::move(message);
  return body;
}

Result<BlobView> decode_blob(std::string_view bytes, bool check) {
  ByteReader in(bytes);
  const auto magic = in.le<std::uint32_t>();
  const auto crc = in.le<std::uint32_t>();
  const auto codec_and_key = in.le<std::uint32_t>();
  const auto summary_bytes = in.le<std::uint32_t>();
  const auto stored = in.le<std::uint64_t>();
  const auto shown = in.le<std::uint64_t>();
  BlobView blob;
  blob.content_hash = in.take(kHashBytes);
  blob.summary = in.take(summary_bytes);
  blob.message = in.take(stored);
  blob.bytes = kBlobHeaderBytes + std::uint64_t{summary_bytes} + stored;
  if (!in.ok() || magic != kBlobMagic) return fail(ErrorCode::kCorrupt, "not a body");
  if (codec_and_key != 0 || shown != stored)
    return fail(ErrorCode::kCorrupt, "body in an unknown encoding");
  if (check && crc32c(bytes.substr(kCrcBegins, blob.bytes - kCrcBegins)) != crc)
    return fail(ErrorCode::kCorrupt, "body fails its CRC");
  return blob;
}

std::unique_ptr<EncodedRecord> encode_record(
    const RecordHeader& header, std::uint32_t operations, std::string_view operation_bytes,
    std::vector<std::shared_ptr<const PreparedBody>> bodies, Lsn segment) {
  HP_CHECK(header.actor.device.size() <= kDeviceMax);
  auto record = std::make_unique<EncodedRecord>();
  record->bodies = std::move(bodies);
  std::uint64_t end = kRecordHeaderBytes + header.actor.device.size() + operation_bytes.size();
  for (const auto& body : record->bodies) {
    record->blob_offsets.push_back(aligned(end));
    end = aligned(end) + body->blob_bytes();
  }
  record->length = end;
  record->padded = aligned(end);

  std::string& head = record->head;
  put_le(head, kRecordMagic);
  put_le(head, std::uint32_t{0});
  put_le(head, record->length);
  put_le(head, header.lsn.value);
  put_le(head, header.epoch);
  put_le(head, header.time_us);
  head += header.actor.session.as_bytes();
  head += header.actor.user.as_bytes();
  put_le(head, static_cast<std::uint32_t>(header.actor.device.size()));
  put_le(head, operations);
  put_le(head, static_cast<std::uint32_t>(operation_bytes.size()));
  put_le(head, static_cast<std::uint32_t>(record->bodies.size()));
  head += header.actor.device;
  head += operation_bytes;

  std::uint64_t at = head.size();
  record->pieces.push_back(head);
  const auto add = [&](std::string_view piece) {
    if (piece.empty()) return;
    record->pieces.push_back(piece);
    at += piece.size();
  };
  for (const auto& body : record->bodies) {
    add(kZeros.substr(0, aligned(at) - at));
    add(body->header);
    add(body->summary);
    add(*body->message);
  }
  std::uint32_t crc = crc32c(std::string_view(head).substr(kCrcBegins), record_seed(segment));
  for (std::size_t i = 1; i < record->pieces.size(); ++i) crc = crc32c(record->pieces[i], crc);
  set_le32(head, kCrcAt, crc);
  add(kZeros.substr(0, record->padded - record->length));
  return record;
}

namespace {

Result<RecordView> decode_contents(std::string_view bytes, ByteReader& in, std::uint64_t length) {
  RecordView record;
  record.length = length;
  record.header.lsn = Lsn(in.le<std::uint64_t>());
  record.header.epoch = in.le<std::uint64_t>();
  record.header.time_us = in.le<std::int64_t>();
  record.header.actor.session = take_guid(in);
  record.header.actor.user = take_guid(in);
  const auto device_bytes = in.le<std::uint32_t>();
  record.operations = in.le<std::uint32_t>();
  const auto operation_bytes = in.le<std::uint32_t>();
  const auto bodies = in.le<std::uint32_t>();
  record.header.actor.device = in.take(device_bytes);
  record.operation_bytes = in.take(operation_bytes);
  if (!in.ok() || device_bytes > kDeviceMax)
    return fail(ErrorCode::kCorrupt, "record with impossible lengths");
  std::uint64_t end = kRecordHeaderBytes + std::uint64_t{device_bytes} + operation_bytes;
  for (std::uint32_t i = 0; i < bodies; ++i) {
    const std::uint64_t offset = aligned(end);
    if (offset >= length) return fail(ErrorCode::kCorrupt, "record shorter than its bodies");
    TRY_ASSIGN(const BlobView blob, decode_blob(bytes.substr(offset, length - offset), false));
    record.blobs.push_back({offset, blob.bytes});
    end = offset + blob.bytes;
  }
  if (end != length) return fail(ErrorCode::kCorrupt, "record with bytes left over");
  return record;
}

}  // namespace

Result<RecordView> decode_record(std::string_view bytes, Lsn segment) {
  ByteReader in(bytes);
  const auto magic = in.le<std::uint32_t>();
  const auto crc = in.le<std::uint32_t>();
  const auto length = in.le<std::uint64_t>();
  if (!in.ok() || magic != kRecordMagic || length < kRecordHeaderBytes || length > bytes.size() ||
      length > kRecordBytesMax ||
      crc32c(bytes.substr(kCrcBegins, length - kCrcBegins), record_seed(segment)) != crc)
    return fail(ErrorCode::kNotFound, "no whole record");
  return decode_contents(bytes.substr(0, length), in, length);
}

}  // namespace hauspost::store
