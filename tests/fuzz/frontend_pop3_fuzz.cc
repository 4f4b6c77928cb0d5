// POP3 before login. The first byte says whether TLS is on already.
#include "tests/fuzz/frontend_session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  hauspost::frontend::ClientFacts facts;
  facts.listener = "pop3";
  facts.protocol = hauspost::link::Protocol::kPop3;
  facts.tls = data[0] % 2 == 0;
  hauspost::frontend::fuzz::run({reinterpret_cast<const char*>(data + 1), size - 1}, facts);
  return 0;
}
