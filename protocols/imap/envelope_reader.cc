#include "protocols/imap/envelope_reader.h"

#include "base/text.h"

namespace hauspost::imap {
namespace {

// Any rule that does not match makes the whole bad; what is read behind that means nothing.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }
  void take(char c) {
    good_ = good_ && rest_.starts_with(c);
    if (good_) rest_.remove_prefix(1);
  }

  std::optional<std::string> nstring() {
    if (nil()) return std::nullopt;
    if (rest_.starts_with('{')) return literal();
    take('"');
    std::string out;
    while (good_ && !rest_.empty() && rest_[0] != '"') {
      if (rest_[0] == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) break;
      out += rest_[0];
      rest_.remove_prefix(1);
    }
    take('"');
    return out;
  }

  // NIL or "(" 1*address ")": the first.
  std::optional<EnvelopeAddress> first_address() {
    if (nil()) return std::nullopt;
    take('(');
    const EnvelopeAddress first = address();
    while (good_ && rest_.starts_with('(')) address();
    take(')');
    return first;
  }
  void space() { take(' '); }

 private:
  bool nil() {
    constexpr std::string_view kNil = "NIL";
    if (!rest_.starts_with(kNil)) return false;
    rest_.remove_prefix(kNil.size());
    return true;
  }

  std::string literal() {
    const std::size_t end = rest_.find("}\r\n");
    const auto size =
        end == std::string_view::npos ? std::nullopt : parse_u64(rest_.substr(1, end - 1));
    good_ = good_ && size && *size <= rest_.size() - end - 3;
    if (!good_) return {};
    const std::string_view bytes = rest_.substr(end + 3, *size);
    rest_.remove_prefix(end + 3 + *size);
    return std::string(bytes);
  }

  // "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")".
  EnvelopeAddress address() {
    EnvelopeAddress address;
    take('(');
    address.name = nstring();
    space();
    nstring();
    space();
    address.mailbox = nstring();
    space();
    address.host = nstring();
    take(')');
    return address;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::optional<Envelope> read_envelope(std::string_view text) {
  Reader in(text);
  Envelope envelope;
  in.take('(');
  envelope.date = in.nstring();
  in.space();
  envelope.subject = in.nstring();
  in.space();
  envelope.from = in.first_address();
  in.space();
  in.first_address();  // sender
  in.space();
  in.first_address();  // reply-to
  in.space();
  envelope.to = in.first_address();
  in.space();
  envelope.cc = in.first_address();
  in.space();
  in.first_address();  // bcc
  in.space();
  envelope.in_reply_to = in.nstring();
  in.space();
  envelope.message_id = in.nstring();
  in.take(')');
  if (!in.good() || !in.at_end()) return std::nullopt;
  return envelope;
}

}  // namespace hauspost::imap
