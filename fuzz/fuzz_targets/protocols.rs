#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (overheard_trial::PROTOCOLS.run)(input));
