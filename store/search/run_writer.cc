#include "store/search/run_writer.h"

#include "base/bytes.h"

namespace hauspost::store {

Result<RunWriter> RunWriter::create(Disk& disk, const std::string& path) {
  TRY_ASSIGN(auto file, disk.open(path));
  RunWriter writer(std::move(file));
  put_le(writer.buffer_, kRunMagic);
  return writer;
}

Result<> RunWriter::add(SearchZone zone, std::string_view term,
                        std::span<const std::uint32_t> documents) {
  if (zone != zone_ || text_.size() >= kBlockTextBytes || postings_.size() >= kBlockPostingsBytes)
    TRY(end_block());
  zone_ = zone;
  if (text_.empty()) text_ += '\0';
  text_ += term;
  text_ += '\0';
  put_postings(postings_, documents);
  ++terms_;
  return {};
}

Result<> RunWriter::end_block() {
  if (terms_ == 0) return {};
  directory_[static_cast<std::size_t>(zone_)].push_back(written_ + buffer_.size());
  put_le(buffer_, static_cast<std::uint32_t>(text_.size()));
  put_le(buffer_, static_cast<std::uint32_t>(postings_.size()));
  put_le(buffer_, terms_);
  put_le(buffer_, crc32c(text_));
  put_le(buffer_, crc32c(postings_));
  buffer_ += text_;
  buffer_ += postings_;
  text_.clear();
  postings_.clear();
  terms_ = 0;
  if (buffer_.size() >= kBufferBytes) TRY(flush());
  return {};
}

Result<> RunWriter::flush() {
  const std::string_view parts[] = {buffer_};
  TRY(file_->write_at(written_, parts));
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<> RunWriter::finish(BodyId first, BodyId end, std::uint64_t documents,
                           std::span<const std::uint32_t> partial) {
  TRY(end_block());
  const std::uint64_t directory_at = written_ + buffer_.size();
  std::string directory;
  for (const auto& zone : directory_) {
    put_le(directory, static_cast<std::uint32_t>(zone.size()));
    for (const std::uint64_t offset : zone) put_le(directory, offset);
  }
  if (partial.empty()) {
    put_varint(directory, 0);
  } else {
    put_postings(directory, partial);
  }
  std::string footer;
  put_le(footer, first.value);
  put_le(footer, end.value);
  put_le(footer, documents);
  put_le(footer, directory_at);
  const std::uint32_t crc = crc32c(footer, crc32c(directory));
  put_le(footer, std::uint32_t{0});
  put_le(footer, crc);
  put_le(footer, kRunMagic);
  buffer_ += directory;
  buffer_ += footer;
  TRY(flush());
  return file_->sync();
}

}  // namespace hauspost::store
