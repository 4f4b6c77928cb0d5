// FETCH BODY[section] and BINARY[part].
#include "store/mime/header_scanner.h"
#include "store/mime/name_set.h"
#include "store/mime/part_tree.h"
#include "store/mime/transfer_encoding.h"

namespace hauspost::mime {

namespace {

// RFC 9051 section 6.4.5.1: the subset ends in an empty line, whatever the header does.
std::string_view select_fields(std::string_view header, const Section& section,
                               std::string& storage) {
  const NameSet names(section.fields);
  const bool wanted = section.text == SectionText::kHeaderFields;
  storage.clear();
  HeaderScanner scanner(header);
  for (HeaderField field; scanner.next(field);) {
    if (field.name.empty() || names.contains(field.name) != wanted) continue;
    storage += field.lines;
    if (!storage.ends_with('\n')) storage += "\r\n";
  }
  storage += "\r\n";
  return storage;
}

struct Entity {
  std::string_view header;
  std::string_view body;
};

// The message whose HEADER or TEXT a section names: the whole one or that of a message/rfc822 part.
std::optional<Entity> find_message(std::string_view message, const Section& section) {
  if (section.part.empty()) {
    const std::string_view header = header_block(message);
    return Entity{header, message.substr(header.size())};
  }
  const PartTree tree = parse_parts(message);
  const Part* part = tree.find(section.part);
  const Part* embedded = part == nullptr ? nullptr : tree.embedded_message(*part);
  if (embedded == nullptr) return std::nullopt;
  // Behind the header, epilogue and all, as TEXT of the whole message has it.
  return Entity{embedded->header, part->body.substr(embedded->header.size())};
}

std::optional<std::string_view> find_part(std::string_view message, const Section& section) {
  if (section.part.empty()) return message;
  const PartTree tree = parse_parts(message);
  const Part* part = tree.find(section.part);
  if (part == nullptr) return std::nullopt;
  return section.text == SectionText::kMime ? part->header : part->body;
}

}  // namespace

std::optional<std::string_view> find_section(std::string_view message, const Section& section,
                                             std::string& storage) {
  switch (section.text) {
    case SectionText::kWhole:
    case SectionText::kMime: return find_part(message, section);
    case SectionText::kHeader:
    case SectionText::kHeaderFields:
    case SectionText::kHeaderFieldsNot:
    case SectionText::kText: break;
  }
  const auto entity = find_message(message, section);
  if (!entity) return std::nullopt;
  if (section.text == SectionText::kText) return entity->body;
  if (section.text == SectionText::kHeader) return entity->header;
  return select_fields(entity->header, section, storage);
}

std::optional<Decoded> decode_part(std::string_view message,
                                   std::span<const std::uint32_t> number) {
  if (number.empty()) return Decoded{std::string(message), false};
  const PartTree tree = parse_parts(message);
  const Part* part = tree.find(number);
  if (part == nullptr) return std::nullopt;
  const auto raw = part->fields.get(KnownField::kContentTransferEncoding);
  // RFC 2045 section 6.4: composite parts are never encoded, whatever they say.
  const bool composite = part->kind != Part::Kind::kLeaf;
  switch (composite || !raw ? TransferEncoding::kIdentity
                            : transfer_encoding_of(parse_transfer_encoding(*raw))) {
    case TransferEncoding::kBase64: return Decoded{decode_base64(part->body), false};
    case TransferEncoding::kQuotedPrintable:
      return Decoded{decode_quoted_printable(part->body), false};
    case TransferEncoding::kUnknown: return Decoded{{}, true};
    case TransferEncoding::kIdentity: break;
  }
  return Decoded{std::string(part->body), false};
}

}  // namespace hauspost::mime
