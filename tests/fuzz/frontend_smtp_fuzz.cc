// SMTP before MAIL. The first byte says whether TLS is on already and whether it is submission.
#include "tests/fuzz/frontend_session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  hauspost::frontend::ClientFacts facts;
  facts.listener = "submission";
  facts.protocol = hauspost::link::Protocol::kSmtp;
  facts.tls = data[0] % 2 == 0;
  facts.submission = data[0] / 2 % 2 == 0;
  hauspost::frontend::fuzz::run({reinterpret_cast<const char*>(data + 1), size - 1}, facts);
  return 0;
}
