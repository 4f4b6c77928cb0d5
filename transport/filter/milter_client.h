// MilterClient: one filter program's part in one SMTP session.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/stream.h"
#include "transport/filter/milter_wire.h"
#include "transport/filter/settings.h"

namespace hauspost::transport::milter {

using Macros = std::vector<std::pair<std::string, std::string>>;

struct Verdict {
  // kContinue, kAccept, kReject, kTempfail, kDiscard or kReply.
  Answer::Kind kind = Answer::Kind::kContinue;
  smtp::Reply reply;
  std::vector<Answer> changes;  // of the end of a message, in order
};

struct HeaderField {
  std::string name;
  std::string value;  // behind the colon, folds as "\n"
};

// REQUIRES: one thread; one call under way. After an error the conversation is over: every further
// call is kUnavailable.
class MilterClient {
 public:
  // `stream` is connected; the settings outlive the client.
  MilterClient(std::unique_ptr<Stream> stream, const Milter& settings);

  // Offers what we can and takes note of what the filter wants. kInvalid: it wants what we cannot.
  Task<Result<>> negotiate();

  Task<Result<Verdict>> connect(std::string name, std::string address, std::uint16_t port,
                                Macros macros);
  Task<Result<Verdict>> hello(std::string name, Macros macros);
  // `arguments`: "<path>" and then what else the command has.
  Task<Result<Verdict>> mail(std::vector<std::string> arguments, Macros macros);
  Task<Result<Verdict>> rcpt(std::vector<std::string> arguments, Macros macros);
  // The whole message from DATA to its end. `body` has CRLF line ends and lives until then.
  Task<Result<Verdict>> message(std::vector<HeaderField> header, std::string_view body,
                                Macros macros);
  // The transaction is off; the connection goes on.
  Task<Result<>> abort();
  // Says goodbye, as far as it can be said at once.
  Task<void> quit();

 private:
  struct Step {
    char letter;
    std::uint32_t unwanted;  // the bits of `steps`
    std::uint32_t silent;
  };
  Task<Result<Verdict>> step(Step step, std::string data, Macros macros);
  Task<Result<>> send(std::string bytes);
  Task<Result<>> read_more();  // into input_. An error breaks the session
  Task<Result<Answer>> receive();
  Task<Result<Verdict>> verdict(Duration timeout);
  Task<Result<std::optional<Verdict>>> send_header(const std::vector<HeaderField>& header);
  Task<Result<std::optional<Verdict>>> send_body(std::string_view body);

  std::unique_ptr<Stream> stream_;
  const Milter& settings_;
  Options options_;
  std::string input_;
  bool broken_ = false;
};

}  // namespace hauspost::transport::milter
