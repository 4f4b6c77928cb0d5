// The summary's bytes, version 2: u32 magic and version, u32 header bytes, u32 body lines, then
// ENVELOPE, BODY and BODYSTRUCTURE, each as u32 length and text, u32 CRC of the header, the field
// index and the folded fields, each as u32 length and bytes, and u32 CRC of all that.
//
// Field index: for each field of the header in order u16 hash of its name in lower case and u32
// where it begins; lines that are no field have the hash of the empty name. Folded fields: of
// subject, from, to and cc u32 length and text, the length kNotKept when it is too long.
//
// Version 1 ends behind BODYSTRUCTURE.
#include "base/bytes.h"
#include "store/mime/header_scanner.h"
#include "store/mime/name_set.h"
#include "store/mime/part_tree.h"
#include "store/mime/structure_writer.h"

namespace hauspost::mime {

namespace {

constexpr std::uint32_t kMagic1 = 0x01534d48;  // "HMS", version 1
constexpr std::uint32_t kMagic = 0x02534d48;
constexpr std::size_t kIndexEntryBytes = 6;
constexpr std::size_t kIndexedFieldsMax = 500;
constexpr std::size_t kFoldedBytesMax = 2048;  // a field; longer ones are folded when searched
constexpr std::uint32_t kNotKept = UINT32_MAX;

struct FoldedField {
  std::string_view name;
  KnownField known;
  bool addresses;
};
constexpr FoldedField kFolded[] = {{"subject", KnownField::kSubject, false},
                                   {"from", KnownField::kFrom, true},
                                   {"to", KnownField::kTo, true},
                                   {"cc", KnownField::kCc, true}};

bool is_list(std::string_view text) {
  return text.size() >= 2 && text.front() == '(' && text.back() == ')';
}

std::uint16_t hash_name(std::string_view name) {
  std::uint32_t hash = 0x811c9dc5;  // FNV-1a, folded to half
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(ascii_lower(c));
    hash *= 0x01000193;
  }
  return static_cast<std::uint16_t>(hash >> 16 ^ hash);
}

// The length goes in front of a text that is written in place behind it.
template <class Write>
void put_text(std::string& out, const Write& write) {
  const std::size_t length_at = out.size();
  put_le(out, std::uint32_t{0});
  write();
  const auto length = static_cast<std::uint32_t>(out.size() - length_at - sizeof(std::uint32_t));
  std::memcpy(out.data() + length_at, &length, sizeof length);
}

void put_field_index(std::string& out, std::string_view header) {
  const std::size_t begin = out.size();
  HeaderScanner scanner(header);
  std::size_t count = 0;
  for (HeaderField field; scanner.next(field);) {
    if (++count > kIndexedFieldsMax) return out.resize(begin);
    put_le(out, hash_name(field.name));
    put_le(out, static_cast<std::uint32_t>(field.lines.data() - header.data()));
  }
}

void put_folded(std::string& out, const KnownFields& fields, const FoldedField& folded) {
  const auto first = fields.get(folded.known);
  std::vector<std::string> values;
  if (first && fields.repeated(folded.known)) {
    values = header_fields(fields.header(), folded.name);
  } else if (first) {
    values.push_back(unfold(*first));
  }
  std::size_t bytes = 0;
  for (const std::string& value : values) bytes += value.size();
  const std::string text =
      bytes > kFoldedBytesMax ? std::string() : fold_fields(values, folded.addresses);
  if (bytes > kFoldedBytesMax || text.size() > 2 * kFoldedBytesMax) {
    put_le(out, kNotKept);
  } else {
    put_string(out, text);
  }
}

}  // namespace

std::string fold_fields(std::span<const std::string> values, bool addresses) {
  std::string text;
  for (const std::string& value : values) {
    const std::string shown = fold(decode_header_text(value));
    text += '\0';
    text += shown;
    if (!addresses) continue;
    const std::string plain = fold(decode_address_text(value));
    if (shown.find(plain) != std::string::npos) continue;
    text += '\0';
    text += plain;
  }
  return text;
}

std::string make_summary(std::string_view message) {
  const PartTree tree = parse_parts(message);
  const Part& root = tree.parts[0];
  std::string out;
  out.reserve(4096);
  put_le(out, kMagic);
  put_le(out, static_cast<std::uint32_t>(root.header.size()));
  put_le(out, root.lines);
  AddressBudget budget;
  put_text(out, [&] { write_envelope(out, root.fields, budget); });
  put_text(out, [&] { write_body_structure(out, tree, false, budget); });
  put_text(out, [&] { write_body_structure(out, tree, true, budget); });
  put_le(out, crc32c(root.header));
  put_text(out, [&] { put_field_index(out, root.header); });
  put_text(out, [&] {
    for (const FoldedField& folded : kFolded) put_folded(out, root.fields, folded);
  });
  put_le(out, crc32c(out));
  return out;
}

std::optional<Summary> read_summary(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto magic = reader.le<std::uint32_t>();
  if (magic != kMagic && magic != kMagic1) return std::nullopt;
  Summary summary;
  summary.header_bytes = reader.le<std::uint32_t>();
  summary.body_lines = reader.le<std::uint32_t>();
  summary.envelope = reader.string();
  summary.body = reader.string();
  summary.body_structure = reader.string();
  if (magic == kMagic) {
    summary.header_crc = reader.le<std::uint32_t>();
    summary.field_index = reader.string();
    summary.folded_fields = reader.string();
    const std::size_t covered = bytes.size() - reader.rest().size();
    summary.vouched = reader.le<std::uint32_t>() == crc32c(bytes.substr(0, covered));
    if (!summary.vouched || summary.field_index.size() % kIndexEntryBytes != 0) return std::nullopt;
  }
  if (!reader.at_end() || !is_list(summary.envelope) || !is_list(summary.body) ||
      !is_list(summary.body_structure)) {
    return std::nullopt;
  }
  return summary;
}

std::optional<std::string_view> select_fields(const Summary& summary, std::string_view header,
                                              const Section& section, std::string& storage) {
  const std::string_view index = summary.field_index;
  if (index.empty()) return std::nullopt;
  const NameSet names(section.fields);
  const bool wanted = section.text == SectionText::kHeaderFields;
  std::array<std::uint16_t, 64> hashes;
  const std::size_t hash_count = section.fields.size();
  if (hash_count > hashes.size()) return std::nullopt;
  std::ranges::transform(section.fields, hashes.begin(), hash_name);
  const std::span wanted_hashes = std::span(hashes).first(hash_count);
  storage.clear();
  for (std::size_t at = 0; at < index.size(); at += kIndexEntryBytes) {
    const auto hash = load_le<std::uint16_t>(index.data() + at);
    const bool maybe = std::ranges::find(wanted_hashes, hash) != wanted_hashes.end();
    if (!maybe && wanted) continue;
    const auto begin = load_le<std::uint32_t>(index.data() + at + 2);
    if (begin > header.size()) return std::nullopt;
    HeaderScanner scanner(header.substr(begin));
    HeaderField field;
    if (!scanner.next(field)) return std::nullopt;
    if (field.name.empty() || names.contains(field.name) != wanted) continue;
    storage += field.lines;
    if (!storage.ends_with('\n')) storage += "\r\n";
  }
  storage += "\r\n";
  return storage;
}

std::optional<std::string_view> folded_field(const Summary& summary, std::string_view name) {
  ByteReader reader(summary.folded_fields);
  for (const FoldedField& folded : kFolded) {
    const auto length = reader.le<std::uint32_t>();
    const std::string_view text = length == kNotKept ? std::string_view() : reader.take(length);
    if (!reader.ok()) return std::nullopt;
    if (!iequals(folded.name, name)) continue;
    if (length == kNotKept) return std::nullopt;
    return text;
  }
  return std::nullopt;
}

}  // namespace hauspost::mime
