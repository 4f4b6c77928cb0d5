// Names and lines that other programs wrote: whatever they hold, the store can take what is made of
// them, and what we write ourselves comes back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/maildir_name.h"
#include "server/transfer/manifest.h"
#include "server/transfer/mbox_line.h"

namespace {

void check_level(std::string_view level) {
  using namespace hauspost;
  if (level.empty() || level.size() > store::kFolderNameMax || !is_valid_utf8(level) ||
      level.find('/') != std::string_view::npos || level.find('\0') != std::string_view::npos)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost;
  using namespace hauspost::transfer;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string level = folder_level(text);
  check_level(level);
  if (const auto path = parse_maildir_folder(text)) {
    for (const std::string_view each : split(*path, '/')) check_level(each);
  }
  if (parse_maildir_folder(maildir_folder(level)) != level) std::abort();
  (void)parse_maildir_name(text, parse_dovecot_keywords(text));
  if (const auto line = parse_from_line(text)) {
    if (line->date_s >= 0 &&
        parse_from_line(from_line("a@b", line->date_s))->date_s != line->date_s)
      std::abort();
  }
  if (const auto state = parse_state_line(text)) {
    const auto back =
        parse_state_line(std::string_view(state_line(*state)).substr(kStateField.size() + 1));
    if (!back || back->folder != state->folder || back->size != state->size) std::abort();
  }
  if (const auto entry = parse_manifest_line(text)) {
    const auto back = parse_manifest_line(manifest_line(*entry));
    if (!back || back->date_s != entry->date_s || back->size != entry->size) std::abort();
  }
  return 0;
}
