// Any bytes have a summary that a strict reader of the IMAP grammar accepts, and no section reaches
// outside the message.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "store/mime/message.h"
#include "store/mime/part_tree.h"
#include "tests/unit/mime/structure_reader.h"

using namespace hauspost;

namespace {

void check_sections(std::string_view message) {
  const std::uint32_t numbers[][3] = {{1, 1, 1}, {2, 1, 2}, {1, 2, 1}};
  const auto inside = [&](std::string_view view) {
    return view.data() >= message.data() &&
           view.data() + view.size() <= message.data() + message.size();
  };
  for (const auto& number : numbers) {
    for (std::size_t depth = 0; depth <= 3; ++depth) {
      const std::vector<std::uint32_t> part(number, number + depth);
      for (const auto text : {mime::SectionText::kWhole, mime::SectionText::kHeader,
                              mime::SectionText::kText, mime::SectionText::kMime}) {
        std::string storage;
        const auto found = mime::find_section(message, {part, text, {}}, storage);
        HP_CHECK(!found || inside(*found));
      }
      const auto decoded = mime::decode_part(message, part);
      HP_CHECK(!decoded || decoded->bytes.size() <= message.size());
    }
  }
}

void check_tree(std::string_view message) {
  const mime::PartTree tree = mime::parse_parts(message);
  const mime::Limits limits;
  HP_CHECK(!tree.parts.empty() && tree.parts.size() <= limits.parts_max + limits.depth_max);
  for (const mime::Part& part : tree.parts) {
    HP_CHECK(part.depth <= limits.depth_max);
    HP_CHECK((part.kind == mime::Part::Kind::kLeaf) == (part.first_child == mime::Part::kNone));
  }
}

void check_index(std::string_view message, const mime::Summary& summary) {
  for (const auto text : {mime::SectionText::kHeaderFields, mime::SectionText::kHeaderFieldsNot}) {
    const mime::Section section{{}, text, {"subject", "x", "received"}};
    std::string selected_storage;
    std::string found_storage;
    const auto selected = mime::select_fields(summary, message.substr(0, summary.header_bytes),
                                              section, selected_storage);
    if (selected) HP_CHECK(selected == mime::find_section(message, section, found_storage));
  }
  for (const std::string_view name : {"subject", "from", "to", "cc"}) {
    const auto folded = mime::folded_field(summary, name);
    const bool addresses = name != "subject";
    if (folded) {
      HP_CHECK(*folded ==
               mime::fold_fields(mime::header_fields(mime::header_block(message), name), addresses));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const std::string bytes = mime::make_summary(message);
  const auto summary = mime::read_summary(bytes);
  HP_CHECK(summary.has_value());
  HP_CHECK(test::StructureReader::is_envelope(summary->envelope));
  HP_CHECK(test::StructureReader::is_body(summary->body, false));
  HP_CHECK(test::StructureReader::is_body(summary->body_structure, true));
  check_tree(message);
  check_index(message, *summary);
  check_sections(message);
  mime::body_contains(message, mime::fold("needle"), true);
  return 0;
}
