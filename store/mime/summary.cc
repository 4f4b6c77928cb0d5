// The summary's bytes: u32 magic and version, u32 header bytes, u32 body lines, then ENVELOPE, BODY
// and BODYSTRUCTURE, each as u32 length and text.
#include "base/bytes.h"
#include "store/mime/part_tree.h"
#include "store/mime/structure_writer.h"

namespace hauspost::mime {

namespace {

constexpr std::uint32_t kMagic = 0x01534d48;  // "HMS", version 1

bool is_list(std::string_view text) {
  return text.size() >= 2 && text.front() == '(' && text.back() == ')';
}

}  // namespace

std::string make_summary(std::string_view message) {
  const PartTree tree = parse_parts(message);
  const Part& root = tree.parts[0];
  std::string out;
  out.reserve(2048);
  put_le(out, kMagic);
  put_le(out, static_cast<std::uint32_t>(root.header.size()));
  put_le(out, root.lines);
  // The length goes in front of a text that is written in place behind it.
  const auto put_text = [&](const auto& write) {
    const std::size_t length_at = out.size();
    put_le(out, std::uint32_t{0});
    write();
    const auto length = static_cast<std::uint32_t>(out.size() - length_at - sizeof(std::uint32_t));
    std::memcpy(out.data() + length_at, &length, sizeof length);
  };
  AddressBudget budget;
  put_text([&] { write_envelope(out, root.fields, budget); });
  put_text([&] { write_body_structure(out, tree, false, budget); });
  put_text([&] { write_body_structure(out, tree, true, budget); });
  return out;
}

std::optional<Summary> read_summary(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.le<std::uint32_t>() != kMagic) return std::nullopt;
  Summary summary;
  summary.header_bytes = reader.le<std::uint32_t>();
  summary.body_lines = reader.le<std::uint32_t>();
  summary.envelope = reader.string();
  summary.body = reader.string();
  summary.body_structure = reader.string();
  if (!reader.at_end() || !is_list(summary.envelope) || !is_list(summary.body) ||
      !is_list(summary.body_structure)) {
    return std::nullopt;
  }
  return summary;
}

}  // namespace hauspost::mime
