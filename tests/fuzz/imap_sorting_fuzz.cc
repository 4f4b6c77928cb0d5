// What SORT, THREAD, CATENATE and PREVIEW make of messages and URLs: any bytes have an answer.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/text.h"
#include "protocols/imap/base_subject.h"
#include "protocols/imap/envelope_reader.h"
#include "protocols/imap/imap_url.h"
#include "protocols/imap/message_ids.h"
#include "protocols/imap/thread_tree.h"
#include "store/mime/collation.h"
#include "store/mime/message.h"
#include "store/mime/preview.h"

using namespace hauspost;

namespace {

void check_subject(std::string_view text) {
  const imap::BaseSubject base = imap::base_subject(text);
  HP_CHECK(base.text.size() <= text.size());
  HP_CHECK(imap::base_subject(base.text).text == base.text);
  const std::string mapped = mime::casemap(base.text);
  HP_CHECK(is_valid_utf8(mapped));
}

void check_envelope(std::string_view message) {
  const std::string summary = mime::make_summary(message);
  const auto read = mime::read_summary(summary);
  HP_CHECK(read.has_value());
  // What the summary says is always an envelope; what anybody else says need not be.
  HP_CHECK(imap::read_envelope(read->envelope).has_value());
  static_cast<void>(imap::read_envelope(message));
}

// Each line is a message: its own id first, then what it refers to.
void check_threads(std::string_view text) {
  imap::ThreadTree tree;
  std::uint32_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    imap::ThreadMember member;
    member.number = ++number;
    member.sent_s = line.empty() ? 0 : line[0];
    member.subject = line.substr(0, 1);
    member.is_reply = line.size() % 2 == 0;
    member.references = imap::message_ids(line, 20);
    if (!member.references.empty()) {
      member.message_id = member.references.front();
      member.references.erase(member.references.begin());
    }
    tree.add(member);
  }
  while (tree.step(7)) {
  }
  std::string out;
  while (tree.write(out, 100)) {
  }
  std::uint32_t numbers = 0;
  for (std::size_t at = 0; at < out.size(); ++at)
    numbers += is_digit(out[at]) && (at + 1 == out.size() || !is_digit(out[at + 1])) ? 1U : 0U;
  HP_CHECK(numbers == number);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16 * 1024) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_subject(bytes);
  check_envelope(bytes);
  check_threads(bytes);
  const std::string preview = mime::make_preview(bytes);
  HP_CHECK(is_valid_utf8(preview));
  HP_CHECK(preview.size() <= 4 * mime::kPreviewCharactersMax);
  HP_CHECK(!preview.contains('\n') && !preview.contains('\r') && !preview.contains('\0'));
  if (const auto url = imap::parse_imap_url(bytes, {})) HP_CHECK(url->uid > 0);
  return 0;
}
