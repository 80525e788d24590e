/** The words of random container names: an adjective, and the surname of a scientist or an engineer. */

export const ADJECTIVES: readonly string[] = `
  able agile airy alert ample apt ardent awake balmy bold boring bouncy brave breezy bright brisk calm candid careful
  cheery civil clear clever cosy crisp curious daring deft eager earnest easy fair faithful fearless fervent fine fleet
  fluent fond frank free fresh frugal gallant gentle genuine gifted glad glowing graceful grand hardy helpful honest
  humble jaunty jolly joyful keen kind lively lucid lucky mellow merry mighty mindful modest neat nimble noble open
  patient placid plucky polite prompt proud quick quiet radiant ready robust sage serene sharp silent sincere smart
  snug solid spry stable steady stoic sunny swift tender thrifty tidy tranquil upbeat valiant vivid warm willing wise
  witty zesty
`
  .trim()
  .split(/\s+/);

export const SURNAMES: readonly string[] = `
  ampere anning archimedes armstrong avicenna babbage bardeen bell berners bernoulli bessemer bohr boltzmann boole bose
  brunel carson carver cauchy cavendish cerf chandrasekhar church copernicus coulomb cray curie darwin descartes dirac
  diesel dijkstra edison einstein engelbart erdos euclid euler faraday fermat fermi feynman fleming fourier franklin
  galileo galois gauss germain goddard goldberg goodall hamilton hamming hawking heisenberg hertz heron hilbert hodgkin
  hoover hopper hubble huygens hypatia johnson joule kepler khwarizmi kilby knuth kovalevskaya lamarr lamport laplace
  lavoisier leavitt leibniz liskov lovelace maxwell mccarthy meitner mendel mendeleev mirzakhani montgolfier morse napier
  newton nightingale nobel noether ohm ohno pascal pasteur pauling perlman planck poincare ptolemy ramanujan ride ritchie
  rutherford sagan shannon sinclair stallman stephenson swartz tesla thompson torvalds turing volta watt wiles wozniak
  wright wu yalow yonath
`
  .trim()
  .split(/\s+/);
