(** Rule *conclude*: from functionals of the outputs to the claim's quantity on one leaf. Spec: rules.md#conclude;
    conclude.py of the other kernel. *)
From Coq Require Import String ZArith Reals QArith Qreals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans semantics result.
From Certify.rules Require Import domain.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Rows of the quantity *)

(** What a row is on: f, g, f - g, or f and g side by side (2n columns). *)
Inductive side := OnF | OnG | OnDifference | OnBoth.

(** Integer rows; each bounds the quantity's own row times the unit. *)
Record rows := { rw_matrix : list (list Z); rw_on : side; rw_unit : Q }.

Definition is_float_type (t : dtype) : bool := match t with F2 | F4 | F8 => true | _ => false end.

Definition floats_ok (s : store) (t n : nat) : bool :=
  is_float_type (t_type (tensor_at s t)) && Nat.eqb (t_count (tensor_at s t)) n.

Definition has_g (c : claim) : bool := match cl_g c with Some _ => true | None => false end.

(** The classes of the parts, for margins and decisions. *)
Definition labels_ok (s : store) (c : claim) (t n_out count : nat) : result unit :=
  _ <- need "one-output" (2 <=? n_out)%nat;;
  _ <- need "one-network" (has_g c);;
  _ <- need "shape" (Nat.eqb (t_count (tensor_at s t)) count);;
  l <- get "tensor" (integers (tensor_at s t));;
  need "index-range" (forallb (fun k => (0 <=? k) && (k <? Z.of_nat n_out)) l).

Definition check_form (s : store) (c : claim) (n_out count : nat) : result unit :=
  match cl_quantity c with
  | WValue _ modulo => need "one-output" (negb modulo || (2 <=? n_out)%nat)
  | WOutput j => need "index-range" (j <? n_out)%nat
  | WFunctional t | WUpper t => need "shape" (floats_ok s t n_out)
  | WLeast f g limits =>
      _ <- need "denominator" (forallb (fun r => 1 <=? snd r) limits && negb (Nat.eqb (List.length limits) 0));;
      _ <- need "shape" (floats_ok s f (List.length limits * n_out));;
      _ <- need "one-network" (match g with GNone => true | _ => has_g c end);;
      need "shape" (match g with GTensor t => floats_ok s t (List.length limits * n_out) | _ => true end)
  | WMargin t | WDecision t => labels_ok s c t n_out count
  end.

(** What a claim says of its quantity and threshold is well formed; [count] parts. *)
Definition check_quantity (s : store) (c : claim) (n_out count : nat) : result unit :=
  _ <- check_form s c n_out count;;
  _ <- need "denominator" (1 <=? snd (cl_threshold c));;
  need "threshold" (match cl_quantity c with WValue L2 _ => 0 <=? fst (cl_threshold c) | _ => true end).

(** *** Dyadics as integers over one power of two *)

Fixpoint zero_bits (p : positive) : Z := match p with xO q => Z.succ (zero_bits q) | _ => 0 end.

(** The exponent of the least bit of a nonzero entry. *)
Definition least_bit (p : dyadic) : option Z :=
  match fst p with Z0 => None | Zpos m | Zneg m => Some (snd p + zero_bits m) end.

(** The least of them over entries; 0 if all are zero. *)
Definition least_exponent (l : list dyadic) : Z :=
  match fold_left (fun least p =>
    match least, least_bit p with
    | None, b => b
    | a, None => a
    | Some a, Some b => Some (Z.min a b)
    end) l None with Some e => e | None => 0 end.

Definition whole (least : Z) (l : list dyadic) : list Z := map (fun p => Z.shiftl (fst p) (snd p - least)) l.

Definition pow2_q (h : Z) : Q := if 0 <=? h then inject_Z (2 ^ h) else Qmake 1 (Z.to_pos (2 ^ (- h))).

(** *** The rows of each form *)

(** k e_j - m, of n entries. *)
Definition basis_row (n j : nat) (k m : Z) : list Z := map (fun i => (if Nat.eqb i j then k else 0) - m) (seq 0 n).

(** e_j - e_c *)
Definition margin_row (n j : nat) (class : Z) : list Z :=
  map (fun i => (if Nat.eqb i j then 1 else 0) - (if Z.of_nat i =? class then 1 else 0)) (seq 0 n).

Definition margin_rows (n : nat) (class : Z) : list (list Z) :=
  map (fun j => margin_row n j class) (filter (fun j => negb (Z.of_nat j =? class)) (seq 0 n)).

(** f x y for all x before y, in lexicographic order. *)
Fixpoint pairs_of {A B} (f : A -> A -> B) (l : list A) : list B :=
  match l with [] => [] | x :: t => map (f x) t ++ pairs_of f t end.

(** Rows of `least` up to which sums of pairs are bounded too: their number grows with the square. *)
Definition paired_rows : nat := 16.

Definition pairs_if {A B} (f : A -> A -> B) (l : list A) : list B :=
  if (List.length l <=? paired_rows)%nat then pairs_of f l else [].

Definition least_rows (s : store) (n k : nat) (f : nat) (g : on_g) : result rows :=
  a <- floats_at s f (k * n);;
  b <- match g with GTensor t => floats_at s t (k * n) | _ => Ok [] end;;
  let e := least_exponent (a ++ b) in
  let left := chunk k n (whole e a) in
  let single := match g with GTensor _ => map2 (@app Z) left (chunk k n (whole e b)) | _ => left end in
  Ok {| rw_matrix := single ++ pairs_if addl single;
        rw_on := match g with GNone => OnF | GOpposite => OnDifference | GTensor _ => OnBoth end;
        rw_unit := pow2_q (- e) |}.

Definition on_difference (matrix : list (list Z)) (unit : Q) : rows :=
  {| rw_matrix := matrix; rw_on := OnDifference; rw_unit := unit |}.

(** The rows of the claim's quantity, whose upper bounds [combine] joins; [class] is the part's. *)
Definition quantity_rows (s : store) (c : claim) (n_out : nat) (class : Z) : result (list rows) :=
  match cl_quantity c with
  | WValue _ modulo =>
      let k := if modulo then Z.of_nat n_out else 1 in
      let plus := map (fun j => basis_row n_out j k (if modulo then 1 else 0)) (seq 0 n_out) in
      Ok [on_difference (plus ++ map (map Z.opp) plus) (inject_Z k)]
  | WOutput j =>
      let plus := basis_row n_out j 1 0 in
      Ok [on_difference [plus; map Z.opp plus] 1]
  | WFunctional t =>
      l <- floats_at s t n_out;;
      let e := least_exponent l in
      let row := whole e l in
      Ok [on_difference [row; map Z.opp row] (pow2_q (- e))]
  | WUpper t =>
      l <- floats_at s t n_out;;
      let e := least_exponent l in
      Ok [on_difference [whole e l] (pow2_q (- e))]
  | WLeast f g limits => r <- least_rows s n_out (List.length limits) f g;; Ok [r]
  | WMargin _ => Ok [on_difference (margin_rows n_out class) 1]
  | WDecision _ =>
      let m := margin_rows n_out class in
      Ok [{| rw_matrix := m; rw_on := OnF; rw_unit := 1 |}; {| rw_matrix := m; rw_on := OnG; rw_unit := 1 |}]
  end.

(** How many functionals a leaf bounds: all of [quantity_rows]. *)
Definition row_count (c : claim) (n_out : nat) : nat :=
  match cl_quantity c with
  | WValue _ _ => 2 * n_out
  | WOutput _ | WFunctional _ => 2
  | WUpper _ => 1
  | WLeast _ _ limits =>
      let k := List.length limits in k + (if (k <=? paired_rows)%nat then k * (k - 1) / 2 else 0)
  | WMargin _ => n_out - 1
  | WDecision _ => 2 * (n_out - 1)
  end%nat.

(** ** Where a row starts *)

(** The first block d = f - g of the outputs, one to one. *)
Fixpoint output_pair (i : nat) (blocks : list block) (f g : nat) : option (nat * Z) :=
  match blocks with
  | [] => None
  | b :: t =>
      match pair_of b with
      | Some (u, w, None) =>
          if Nat.eqb u f && Nat.eqb w g then Some (i, bk_delta b) else output_pair (S i) t f g
      | _ => output_pair (S i) t f g
      end
  end.

Definition scale_of (blocks : list block) (b : nat) : Z := bk_scale (nth b blocks no_block).

Definition same_scale (blocks : list block) (f g : nat) : result unit :=
  need "scale" (scale_of blocks f =? scale_of blocks g).

(** What a on f and b on g have in common, to be put on f - g: entry by entry. *)
Definition common (a b : Z) : Z := pospart (Z.min a (- b)) + negpart (Z.max a (- b)).

(** A row a . f + b . g. A difference has the finer scale: coefficients of the others are brought to it, exactly. *)
Definition start_both (blocks : list block) (f g : nat) (row : list Z) : result (list (nat * list Z) * Z) :=
  let n := bk_size (nth f blocks no_block) in
  let a := firstn n row in
  let b := skipn n row in
  let scale := scale_of blocks f in
  if Nat.eqb f g then Ok ([(f, addl a b)], scale) else
  _ <- same_scale blocks f g;;
  match output_pair 0 blocks f g with
  | None => Ok ([(f, a); (g, b)], scale)
  | Some (p, finer) =>
      let m := map2 common a b in
      let finely := map (fun x => Z.shiftl x finer) in
      Ok ([(p, m); (f, finely (addl a (map Z.opp m))); (g, finely (addl b m))], scale + finer)
  end.

(** Coefficients of the negated row on blocks, times 2^c, and the scale of the blocks. *)
Definition start (blocks : list block) (out_f : nat) (out_g : option nat) (on : side) (row : list Z) (c : Z) :
    result (list (nat * list Z) * Z) :=
  let negated := map (fun x => Z.shiftl (- x) c) row in
  let scale := scale_of blocks out_f in
  match on, out_g with
  | OnF, _ | OnDifference, None => Ok ([(out_f, negated)], scale)
  | OnG, None | OnBoth, None => Reject "one-network"
  | OnG, Some g => Ok ([(g, negated)], scale_of blocks g)
  | OnBoth, Some g => start_both blocks out_f g negated
  | OnDifference, Some g =>
      if Nat.eqb out_f g then Ok ([(out_f, map (fun _ => 0) negated)], scale) else
      _ <- same_scale blocks out_f g;;
      match output_pair 0 blocks out_f g with
      | Some (p, finer) => Ok ([(p, negated)], scale + finer)
      | None => Ok ([(out_f, negated); (g, map Z.opp negated)], scale)
      end
  end.

(** ** What the rows' bounds say of the quantity *)

(** The claim's relation between a bound and its threshold. *)
Definition holds (c : claim) (bound threshold : Q) : bool :=
  if cl_strict c then negb (Qle_bool threshold bound) else Qle_bool bound threshold.

Definition greatest (l : list Q) : Q := match l with [] => 0%Q | u :: t => fold_left max_q t u end.

(** In lowest terms. *)
Definition lowest (v : Q) : Q :=
  let g := Z.gcd (Qnum v) (Zpos (Qden v)) in Qmake (Qnum v / g) (Z.to_pos (Zpos (Qden v) / g)).

(** A rational at most 2^-60 (relative) above the square root; of a rational in lowest terms. *)
Definition root_above (square : Q) : Q :=
  let v := lowest square in
  if Qnum v =? 0 then 0%Q else
  let k := 128 + Z.max 0 (Z.log2 (Zpos (Qden v)) - Z.log2 (Qnum v)) in
  let w := Z.shiftl (Qnum v) (2 * k) / Zpos (Qden v) in
  Qmake (Z.sqrt w + 1) (Z.to_pos (Z.shiftl 1 k)).

(** Of each |d_j| from bounds of d_j and -d_j. *)
Definition sizes (uppers : list Q) : list Q :=
  let n := (List.length uppers / 2)%nat in map (max_q 0) (map2 max_q (firstn n uppers) (skipn n uppers)).

(** Bounds of a row above its limit, and half of a pair's: the smaller of two is at most their mean. *)
Definition least_candidates (limits : list Q) (uppers : list Q) : list Q :=
  let k := List.length limits in
  map2 sub_q (firstn k uppers) limits
  ++ map2 (fun u t => Qmult (sub_q u t) (1 # 2)) (skipn k uppers) (pairs_if add_q limits).

(** (exact upper bound of the quantity, whether it satisfies the claim) from the rows' upper bounds. *)
Definition combine (c : claim) (uppers : list Q) : Q * bool :=
  let t := ratio_q (cl_threshold c) in
  let judged bound := (bound, holds c bound t) in
  match cl_quantity c with
  | WValue L1 _ => judged (sum_q (sizes uppers))
  | WValue L2 _ =>
      let square := sum_q (map (fun u => Qmult u u) (sizes uppers)) in
      (root_above square, holds c square (Qmult t t))
  | WLeast _ _ limits =>
      match least_candidates (map ratio_q limits) uppers with
      | [] => (0%Q, false)
      | u :: rest => judged (fold_left min_q rest u)
      end
  | _ => judged (greatest uppers)
  end.

(** ** Where rows start means the negated row *)

Open Scope R_scope.

Definition output_of (blocks : list block) (vals : list (list R)) (b : nat) : list R :=
  map (fun v => v * pow2 (- scale_of blocks b)) (values vals b).

(** g; zero if there is none. *)
Definition other_of (blocks : list block) (vals : list (list R)) (out_f : nat) (out_g : option nat) : list R :=
  match out_g with Some g => output_of blocks vals g | None => repeat 0 (length (values vals out_f)) end.

(** What the rows of a side are multiplied with. *)
Definition quantity_vector (on : side) (f g : list R) : list R :=
  match on with OnF => f | OnG => g | OnDifference => map2 Rminus f g | OnBoth => f ++ g end.

(** The value of coefficients on blocks. *)
Definition started (cs : list (nat * list Z)) (vals : list (list R)) : R :=
  fold_right (fun p acc => dot (snd p) (values vals (fst p)) + acc) 0 cs.

Lemma dotR_scale k a : forall v, dotR a (map (fun x => x * k) v) = dotR a v * k.
Proof. induction a as [|x a IH]; intros [|y v]; simpl; try lra. rewrite IH. lra. Qed.

Lemma dotR_scale_left k a : forall v, dotR (map (fun x => x * k) a) v = dotR a v * k.
Proof. induction a as [|x a IH]; intros [|y v]; simpl; try lra. rewrite IH. lra. Qed.

Lemma dot_scale k c v : dot c (map (fun x => x * k) v) = dot c v * k.
Proof. apply dotR_scale. Qed.

Lemma dot_negated c row v : (0 <= c)%Z -> dot (map (fun x => Z.shiftl (- x) c) row) v = - dot row v * pow2 c.
Proof.
  intros C. revert v. induction row as [|x row IH]; intros [|y v]; try (unfold dot; simpl; lra).
  cbn [map]. rewrite !dot_cons, IH, shiftl_IZR, opp_IZR by assumption. lra.
Qed.

Lemma dot_shiftl c row v : (0 <= c)%Z -> dot (map (fun x => Z.shiftl x c) row) v = dot row v * pow2 c.
Proof.
  intros C. revert v. induction row as [|x row IH]; intros [|y v]; try (unfold dot; simpl; lra).
  cbn [map]. rewrite !dot_cons, IH, shiftl_IZR by assumption. lra.
Qed.

Lemma dot_zero (row : list Z) : forall v, dot (map (fun _ => 0%Z) row) v = 0.
Proof.
  induction row as [|x row IH]; intros [|y v]; try (unfold dot; simpl; lra). cbn [map]. rewrite dot_cons, IH. lra.
Qed.

Lemma dotR_minus a : forall f g, length f = length g -> dotR a (map2 Rminus f g) = dotR a f - dotR a g.
Proof.
  induction a as [|x a IH]; intros [|y f] [|z g] L; try discriminate; simpl; try lra.
  rewrite IH by (injection L; auto). lra.
Qed.

Lemma dotR_app f : forall a g, dotR a (f ++ g) = dotR (firstn (length f) a) f + dotR (skipn (length f) a) g.
Proof.
  induction f as [|y f IH]; intros [|x a] g; simpl; try lra.
  rewrite IH. lra.
Qed.

Lemma dot_app n a f g : length f = n -> dot a (f ++ g) = dot (firstn n a) f + dot (skipn n a) g.
Proof. intros <-. unfold dot. rewrite dotR_app, firstn_map, skipn_map. reflexivity. Qed.

Lemma minus_zeros f : map2 Rminus f (repeat 0 (length f)) = f.
Proof. induction f as [|x f IH]; simpl; [reflexivity|]. rewrite IH, Rminus_0_r. reflexivity. Qed.

Lemma dot_difference m delta : forall f g d, difference_means delta None f g d ->
  dot m d = (dot m f - dot m g) * pow2 delta.
Proof.
  intros f g d (L1 & L2 & E). simpl in *. rewrite E. assert (L : length f = length g) by congruence. clear E L1 L2.
  revert m g L. induction f as [|x f IH]; intros [|a m] [|y g] L; try discriminate; try (unfold dot; simpl; lra).
  cbn [map2]. rewrite !dot_cons, IH by (injection L; auto). lra.
Qed.

Lemma output_pair_ok f g p delta : forall blocks i, output_pair i blocks f g = Some (p, delta) ->
  (i <= p < i + length blocks)%nat
  /\ pair_of (nth (p - i) blocks no_block) = Some (f, g, None) /\ bk_delta (nth (p - i) blocks no_block) = delta.
Proof.
  induction blocks as [|b blocks IH]; intros i H; [discriminate|]. cbn [output_pair] in H.
  assert (N : output_pair (S i) blocks f g = Some (p, delta) ->
    (i <= p < i + length (b :: blocks))%nat /\ pair_of (nth (p - i) (b :: blocks) no_block) = Some (f, g, None)
    /\ bk_delta (nth (p - i) (b :: blocks) no_block) = delta).
  { intros H'. destruct (IH (S i) H') as (R & P). replace (p - i)%nat with (S (p - S i)) by lia. simpl.
    split; [lia | exact P]. }
  destruct (pair_of b) as [[[u w] [l|]]|] eqn:E; try (apply N, H).
  destruct (Nat.eqb u f && Nat.eqb w g) eqn:M; [|apply N, H].
  injection H as <- <-. rewrite Nat.sub_diag. simpl. split; [lia|].
  apply andb_prop in M. destruct M as [M1 M2]. apply Nat.eqb_eq in M1, M2. subst. auto.
Qed.

Lemma pair_means region b vals v u w s : block_means region b vals v -> pair_of b = Some (u, w, s) ->
  difference_means (bk_delta b) s (values vals u) (values vals w) v.
Proof.
  intros (_ & _ & M) P. unfold pair_of in P. destruct (bk_kind b); try discriminate; injection P as <- <- <-; tauto.
Qed.

Section Start.

Variable region : option ball.
Variable blocks : list block.
Variable vals : list (list R).
Hypothesis plan : plan_means region blocks vals.

Lemma output_pair_means f g p delta : output_pair 0 blocks f g = Some (p, delta) ->
  (0 <= delta)%Z /\ difference_means delta None (values vals f) (values vals g) (values vals p).
Proof.
  intros H. apply output_pair_ok in H. rewrite Nat.sub_0_r in H. destruct H as (R & P & <-).
  destruct plan as [_ M]. specialize (M p ltac:(lia)). split; [apply M|]. apply (pair_means _ _ _ _ _ _ _ M P).
Qed.

Lemma value_of b c : dot c (values vals b) = dot c (output_of blocks vals b) * pow2 (scale_of blocks b).
Proof. unfold output_of. rewrite dot_scale, Rmult_assoc, pow2_opp. lra. Qed.

Theorem start_correct out_f out_g on row c cs scale :
  (0 <= c)%Z -> (out_f < length blocks)%nat ->
  let F := output_of blocks vals out_f in
  let G := other_of blocks vals out_f out_g in
  length F = length G ->
  start blocks out_f out_g on row c = Ok (cs, scale) ->
  started cs vals = - dot row (quantity_vector on F G) * pow2 (c + scale).
Proof.
  intros C B F G L H. rewrite bpow_plus, <- Rmult_assoc. unfold start in H.
  set (neg := map (fun x => Z.shiftl (- x) c) row) in *.
  assert (N : forall v, dot neg v = - dot row v * pow2 c) by (intros; apply dot_negated, C).
  assert (DF : forall m, dot m (values vals out_f) = dot m F * pow2 (scale_of blocks out_f))
    by (intros; apply value_of).
  destruct out_g as [g|]; cbn [other_of] in G.
  2: { destruct on; try discriminate; injection H as <- <-; cbn [started fold_right fst snd quantity_vector];
         rewrite DF, N.
       - ring.
       - replace G with (repeat 0 (length F)) by (unfold G, F, output_of; rewrite map_length; reflexivity).
         rewrite minus_zeros. ring. }
  assert (DG : forall m, dot m (values vals g) = dot m G * pow2 (scale_of blocks g)) by (intros; apply value_of).
  assert (D : dot row (map2 Rminus F G) = dot row F - dot row G) by (apply dotR_minus, L).
  destruct on; cbn [quantity_vector].
  - injection H as <- <-; cbn [started fold_right fst snd]. rewrite DF, N. ring.
  - injection H as <- <-; cbn [started fold_right fst snd]. rewrite DG, N. ring.
  - rewrite D. destruct (Nat.eqb_spec out_f g) as [<- | NE].
    + injection H as <- <-; cbn [started fold_right fst snd]. rewrite dot_zero. unfold G, F. ring.
    + apply bind_ok in H. destruct H as (u & S & H). apply need_ok, Z.eqb_eq in S.
      destruct (output_pair 0 blocks out_f g) as [[p finer]|] eqn:P; injection H as <- <-;
        cbn [started fold_right fst snd].
      * destruct (output_pair_means _ _ _ _ P) as [_ M].
        rewrite (dot_difference _ _ _ _ _ M), DF, DG, !N, <- S, bpow_plus. ring.
      * rewrite dot_opp, DF, DG, !N, <- S. ring.
  - assert (LF : length F = bk_size (nth out_f blocks no_block)).
    { unfold F, output_of. rewrite map_length. apply plan, B. }
    unfold start_both in H. rewrite <- LF in H. set (a := firstn (length F) neg) in *.
    set (b := skipn (length F) neg) in *.
    assert (A : dot a F + dot b G = - dot row (F ++ G) * pow2 c)
      by (rewrite <- N; symmetry; apply dot_app; reflexivity).
    rewrite <- A. destruct (Nat.eqb_spec out_f g) as [<- | NE].
    + injection H as <- <-; cbn [started fold_right fst snd]. rewrite dot_addl, !DF. unfold G. fold F. ring.
    + apply bind_ok in H. destruct H as (u & S & H). apply need_ok, Z.eqb_eq in S.
      destruct (output_pair 0 blocks out_f g) as [[p finer]|] eqn:P; injection H as <- <-;
        cbn [started fold_right fst snd].
      * destruct (output_pair_means _ _ _ _ P) as [K M].
        rewrite (dot_difference _ _ _ _ _ M), !dot_shiftl, !dot_addl, dot_opp, !DF, !DG, <- S, bpow_plus by assumption.
        ring.
      * rewrite DF, DG, <- S. ring.
Qed.

End Start.

(** A lower bound of what has been started is an upper bound of the row. *)
Lemma started_upper x unit k e : 0 < unit -> IZR k <= - x * pow2 e -> x / unit <= - IZR k / (unit * pow2 e).
Proof.
  intros U H. pose proof (pow2_pos e) as P.
  apply (Rmult_le_reg_r (unit * pow2 e)); [apply Rmult_lt_0_compat; assumption|].
  field_simplify; lra.
Qed.

(** ** What the rows are *)

(** (row, what it is on, its unit) of all groups in order, with upper bounds of each in the quantity's own units. *)
Definition row_list (groups : list rows) : list (list Z * side * Q) :=
  flat_map (fun r => map (fun row => (row, rw_on r, rw_unit r)) (rw_matrix r)) groups.

Definition row_value (f g : list R) (p : list Z * side * Q) : R :=
  let '(row, on, unit) := p in dot row (quantity_vector on f g) / Q2R unit.

Definition rows_below (groups : list rows) (f g : list R) (uppers : list Q) : Prop :=
  Forall2 (fun p u => row_value f g p <= Q2R u) (row_list groups) uppers.

(** *** Units *)

Lemma pow2_q_value h : Q2R (pow2_q h) = pow2 h.
Proof.
  unfold pow2_q. destruct (Z.leb_spec 0 h) as [P | N].
  - unfold inject_Z. rewrite Q2R_make, pow2_IZR by assumption. field.
  - assert (0 < 2 ^ (- h))%Z by (apply Z.pow_pos_nonneg; lia).
    rewrite Q2R_make, Z2Pos.id, pow2_IZR by lia. unfold Rdiv. rewrite Rmult_1_l, <- bpow_opp, Z.opp_involutive.
    reflexivity.
Qed.

Lemma inject_Z_value k : Q2R (inject_Z k) = IZR k.
Proof. unfold inject_Z. rewrite Q2R_make. field. Qed.

Lemma one_value : Q2R 1 = 1.
Proof. apply (inject_Z_value 1). Qed.

Lemma units_positive s c n class groups : quantity_rows s c n class = Ok groups -> (1 <= n)%nat ->
  Forall (fun r => 0 < Q2R (rw_unit r)) groups.
Proof.
  intros H N. unfold quantity_rows, least_rows in H.
  destruct (cl_quantity c) as [nm modulo|j|t|t|a b limits|t|t]; ok H; try injection H as <-;
    repeat constructor; cbn [rw_unit on_difference]; rewrite ?one_value, ?pow2_q_value; try lra; try apply pow2_pos.
  - rewrite inject_Z_value. apply IZR_lt. destruct modulo; lia.
  - injection E as <-. cbn [rw_unit]. rewrite pow2_q_value. apply pow2_pos.
Qed.

(** *** Sums with indicators *)

Lemma dot_minus_rows {A} (F G : A -> Z) : forall l v,
  dot (map (fun i => F i - G i)%Z l) v = dot (map F l) v - dot (map G l) v.
Proof.
  induction l as [|i l IH]; intros [|x v]; try (unfold dot; simpl; lra).
  cbn [map]. rewrite !dot_cons, IH, minus_IZR. lra.
Qed.

Lemma dot_indicator k j d : forall a,
  dot (map (fun i => if Nat.eqb i j then k else 0%Z) (seq a (length d))) d
  = IZR k * (if Nat.ltb j a then 0 else nth (j - a) d 0).
Proof.
  induction d as [|x d IH]; intros a.
  - simpl. unfold dot. simpl. destruct (Nat.ltb j a), (j - a)%nat; simpl; lra.
  - cbn [length seq map]. rewrite dot_cons, IH. destruct (Nat.eqb_spec a j) as [-> | N].
    + replace (j <? S j)%nat with true by (symmetry; apply Nat.ltb_lt; lia). rewrite Nat.ltb_irrefl, Nat.sub_diag.
      simpl. lra.
    + destruct (Nat.ltb_spec j a) as [A | A].
      * replace (j <? S a)%nat with true by (symmetry; apply Nat.ltb_lt; lia). lra.
      * replace (j <? S a)%nat with false by (symmetry; apply Nat.ltb_ge; lia).
        replace (j - a)%nat with (S (j - S a)) by lia. simpl. lra.
Qed.

Lemma dot_constant {A} m : forall (l : list A) d, length l = length d -> dot (map (fun _ => m) l) d = IZR m * sum d.
Proof.
  induction l as [|i l IH]; intros [|x d] L; try discriminate; [unfold dot, sum; simpl; lra|].
  cbn [map]. rewrite dot_cons, IH by (injection L; auto). unfold sum. simpl. lra.
Qed.

Lemma dot_basis_row j k m d : dot (basis_row (length d) j k m) d = IZR k * nth j d 0 - IZR m * sum d.
Proof.
  unfold basis_row. rewrite (dot_minus_rows (fun i => if Nat.eqb i j then k else 0%Z) (fun _ => m)).
  rewrite dot_indicator, dot_constant by (rewrite seq_length; reflexivity). simpl. rewrite Nat.sub_0_r. reflexivity.
Qed.

Lemma dot_margin_row j class d : dot (margin_row (length d) j class) d = nth j d 0 - nthz 0 d class.
Proof.
  unfold margin_row.
  rewrite (dot_minus_rows (fun i => if Nat.eqb i j then 1%Z else 0%Z)
                          (fun i => if (Z.of_nat i =? class)%Z then 1%Z else 0%Z)).
  rewrite dot_indicator. simpl. rewrite Nat.sub_0_r, Rmult_1_l. f_equal. unfold nthz.
  destruct (Z.ltb_spec class 0) as [N | P].
  - rewrite (map_ext_in _ (fun _ => 0%Z)).
    + rewrite dot_constant by apply seq_length. lra.
    + intros i _. replace (Z.of_nat i =? class)%Z with false; [reflexivity|]. symmetry. apply Z.eqb_neq. lia.
  - rewrite (map_ext _ (fun i => if Nat.eqb i (Z.to_nat class) then 1%Z else 0%Z)).
    + rewrite dot_indicator. simpl. rewrite Nat.sub_0_r. lra.
    + intros i. replace (Z.of_nat i =? class)%Z with (Nat.eqb i (Z.to_nat class)); [reflexivity|].
      apply Bool.eq_true_iff_eq. rewrite Nat.eqb_eq, Z.eqb_eq. lia.
Qed.

(** *** Dyadics as integers *)

Lemma zero_bits_divide p : (0 <= zero_bits p)%Z /\ (2 ^ zero_bits p | Zpos p)%Z.
Proof.
  induction p as [p IH | p [P [q IH]] |]; cbn [zero_bits]; try (split; [lia | apply Z.divide_1_l]).
  split; [lia|]. exists q. rewrite Z.pow_succ_r by assumption. change (Zpos p~0) with (2 * Zpos p)%Z. rewrite IH. ring.
Qed.

Lemma least_bit_exact p b least : least_bit p = Some b -> (least <= b)%Z ->
  IZR (Z.shiftl (fst p) (snd p - least)) = dyadic_value p * pow2 (- least).
Proof.
  intros E L. unfold dyadic_value. rewrite Rmult_assoc, <- bpow_plus. fold (Z.sub (snd p) least).
  destruct (Z.le_gt_cases 0 (snd p - least)) as [P | N]; [apply shiftl_IZR, P|].
  assert (D : (2 ^ (least - snd p) | fst p)%Z).
  { unfold least_bit in E. destruct (fst p) as [|m|m] eqn:M; try discriminate; injection E as E;
      destruct (zero_bits_divide m) as [Z0 D].
    - eapply Z.divide_trans; [|exact D]. exists (2 ^ (zero_bits m - (least - snd p)))%Z.
      rewrite <- Z.pow_add_r by lia. f_equal. lia.
    - apply (Z.divide_opp_r _ (Zpos m)). eapply Z.divide_trans; [|exact D].
      exists (2 ^ (zero_bits m - (least - snd p)))%Z. rewrite <- Z.pow_add_r by lia. f_equal. lia. }
  destruct D as [q D]. replace (snd p - least)%Z with (- (least - snd p))%Z by lia.
  rewrite Z.shiftl_opp_r, Z.shiftr_div_pow2, D, Z.div_mul, mult_IZR, pow2_IZR by (try apply Z.pow_nonzero; lia).
  rewrite Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r. simpl. lra.
Qed.

Lemma least_exponent_le l p b : In p l -> least_bit p = Some b -> (least_exponent l <= b)%Z.
Proof.
  unfold least_exponent. set (step := fun least p => _).
  assert (K : forall l a, exists e, fold_left step l (Some a) = Some e /\ (e <= a)%Z).
  { clear. induction l as [|q l IH]; intros a; cbn [fold_left]; [exists a; split; [reflexivity | lia]|].
    unfold step at 2. destruct (least_bit q) as [x|]; [|apply IH].
    destruct (IH (Z.min a x)) as (e & E & L). exists e. split; [exact E | lia]. }
  assert (G : forall a, In p l -> least_bit p = Some b -> exists e, fold_left step l a = Some e /\ (e <= b)%Z).
  { induction l as [|q l IH]; intros a I E; [contradiction|]. cbn [fold_left].
    destruct I as [-> | I]; [|apply IH; assumption]. unfold step at 2. rewrite E. destruct a as [x|].
    - destruct (K l (Z.min x b)) as (e & -> & L). exists e. split; [reflexivity | lia].
    - apply K. }
  intros I E. destruct (G None I E) as (e & -> & L). exact L.
Qed.

(** The integers are the entries times 2^-least, exactly. *)
Lemma whole_value all l : incl l all ->
  map IZR (whole (least_exponent all) l) = map (fun x => x * pow2 (- least_exponent all)) (map dyadic_value l).
Proof.
  intros I. unfold whole. rewrite !map_map. apply map_ext_in. intros p M.
  destruct (least_bit p) as [b|] eqn:E.
  - apply (least_bit_exact p b); [exact E|]. apply (least_exponent_le all p b); [apply I, M | exact E].
  - unfold least_bit in E. unfold dyadic_value. destruct (fst p); try discriminate. rewrite Z.shiftl_0_l. lra.
Qed.

Lemma scaled_row k x : x * pow2 (- k) / pow2 (- k) = x.
Proof. field. apply Rgt_not_eq, pow2_pos. Qed.

Lemma functional_row s t n l v : floats_at s t n = Ok l ->
  dot (whole (least_exponent l) l) v / Q2R (pow2_q (- least_exponent l)) = dotR (reals_at s t) v.
Proof.
  intros H. apply floats_at_ok in H. destruct H as [_ ->]. unfold dot.
  rewrite whole_value, dotR_scale_left, pow2_q_value, scaled_row by apply incl_refl. reflexivity.
Qed.

(** ** What bounds of rows say together *)

Lemma greatest_ge l : forall u, In u l -> Q2R u <= Q2R (greatest l).
Proof.
  assert (G : forall l a, Q2R a <= Q2R (fold_left max_q l a) /\ forall u, In u l -> Q2R u <= Q2R (fold_left max_q l a)).
  { clear l. induction l as [|x l IH]; intros a; cbn [fold_left]; [split; [lra | contradiction]|].
    destruct (IH (max_q a x)) as [A B]. rewrite max_q_value in A. pose proof (Rmax_l (Q2R a) (Q2R x)).
    pose proof (Rmax_r (Q2R a) (Q2R x)). split; [lra|]. intros u [-> | I]; [lra | apply B, I]. }
  destruct l as [|x l]; [contradiction|]. intros u I. destruct (G l x) as [A B].
  destruct I as [-> | I]; [exact A | apply B, I].
Qed.

Lemma Forall2_in_left {A B} (P : A -> B -> Prop) l m : Forall2 P l m -> forall a, In a l -> exists b, In b m /\ P a b.
Proof.
  induction 1 as [|x y l m H F IH]; intros a I; [contradiction|]. destruct I as [-> | I].
  - exists y. split; [left; reflexivity | exact H].
  - destruct (IH a I) as (b & Ib & Pb). exists b. split; [right; exact Ib | exact Pb].
Qed.

Lemma row_greatest groups f g uppers p : rows_below groups f g uppers -> In p (row_list groups) ->
  row_value f g p <= Q2R (greatest uppers).
Proof.
  intros B I. destruct (Forall2_in_left _ _ _ B p I) as (u & Iu & H). eapply Rle_trans; [exact H|].
  apply greatest_ge, Iu.
Qed.

Lemma rows_of_one r f g uppers : rows_below [r] f g uppers ->
  Forall2 (fun x u => x <= Q2R u)
    (map (fun row => dot row (quantity_vector (rw_on r) f g) / Q2R (rw_unit r)) (rw_matrix r)) uppers.
Proof.
  unfold rows_below, row_list. simpl. rewrite app_nil_r. intros H.
  apply (proj1 (Forall2_map_left _ _ _ _)). apply (proj2 (Forall2_map_left _ _ _ _)) in H. exact H.
Qed.

(** Bounds of x and -x, entry by entry. *)
Lemma sizes_bound e uppers : Forall2 (fun x u => x <= Q2R u) (e ++ map Ropp e) uppers ->
  Forall2 (fun x u => Rabs x <= Q2R u) e (sizes uppers).
Proof.
  intros H. apply Forall2_app_inv_l in H. destruct H as (u1 & u2 & H1 & H2 & ->).
  pose proof (Forall2_size _ _ _ H1) as L1. pose proof (Forall2_size _ _ _ H2) as L2. rewrite map_length in L2.
  unfold sizes. replace (length (u1 ++ u2) / 2)%nat with (length u1).
  2: { rewrite app_length, <- L1, <- L2. replace (length e + length e)%nat with (length e * 2)%nat by lia.
       symmetry. apply Nat.div_mul. lia. }
  rewrite firstn_app, Nat.sub_diag, firstn_all, skipn_app, skipn_all, Nat.sub_diag. simpl. rewrite app_nil_r.
  clear L1 L2. apply (proj2 (Forall2_map_left _ _ _ _)) in H2. revert u2 H2.
  induction H1 as [|x u e u1 A H1 IH]; intros u2 H2; inversion H2; subst; simpl; constructor.
  - rewrite !max_q_value, radius_of_points. pose proof (Rmax_r 0 (Rmax (Q2R u) (Q2R y))).
    pose proof (Rmax_l (Q2R u) (Q2R y)). pose proof (Rmax_r (Q2R u) (Q2R y)). apply Rabs_le. lra.
  - apply IH. assumption.
Qed.

Lemma sum_sizes e sz : Forall2 (fun x u => Rabs x <= Q2R u) e sz -> sum (map Rabs e) <= Q2R (sum_q sz).
Proof. rewrite sum_q_value. unfold sum, sumR. induction 1; simpl; lra. Qed.

Lemma sum_squares e sz : Forall2 (fun x u => Rabs x <= Q2R u) e sz ->
  sum (map (fun v => v * v) e) <= Q2R (sum_q (map (fun u => Qmult u u) sz)).
Proof.
  rewrite sum_q_value. unfold sum, sumR. induction 1 as [|x u e sz A F IH]; simpl; [lra|]. rewrite Q2R_mult.
  assert (x * x <= Q2R u * Q2R u); [|lra]. replace (x * x) with (Rabs x * Rabs x).
  - apply Rmult_le_compat; try apply Rabs_pos; assumption.
  - rewrite <- Rabs_mult. apply Rabs_pos_eq. pose proof (Rle_0_sqr x). unfold Rsqr in *. lra.
Qed.

(** *** The root *)

Lemma lowest_value v : Q2R (lowest v) = Q2R v /\ (Qnum v <> 0 -> Qnum (lowest v) <> 0)%Z.
Proof.
  destruct v as [n d]. unfold lowest. cbn [Qnum Qden]. set (g := Z.gcd n (Zpos d)).
  assert (G : (0 < g)%Z).
  { pose proof (Z.gcd_nonneg n (Zpos d)). enough (g <> 0)%Z by (unfold g in *; lia).
    unfold g; intros Z0. apply Z.gcd_eq_0_r in Z0. discriminate. }
  destruct (Z.gcd_divide_l n (Zpos d)) as [u U]. destruct (Z.gcd_divide_r n (Zpos d)) as [w W].
  fold g in U, W. clearbody g.
  assert (DN : (n / g)%Z = u) by (rewrite U; apply Z.div_mul; lia).
  assert (DD : (Zpos d / g)%Z = w) by (rewrite W; apply Z.div_mul; lia).
  rewrite DN, DD. split; [|intros N E; subst; lia].
  rewrite !Q2R_make, Z2Pos.id by nia.
  assert (A : IZR n = IZR u * IZR g) by (rewrite U at 1; apply mult_IZR).
  assert (B : IZR (Zpos d) = IZR w * IZR g) by (rewrite W at 1; apply mult_IZR).
  rewrite A, B. assert (0 < IZR g) by (apply IZR_lt; assumption).
  assert (0 < IZR w) by (apply IZR_lt; nia). field. lra.
Qed.

Lemma root_above_ge square : 0 <= Q2R square -> sqrt (Q2R square) <= Q2R (root_above square).
Proof.
  intros P. unfold root_above. destruct (lowest_value square) as [E _]. rewrite <- E in *.
  destruct (lowest square) as [n d]. cbn [Qnum Qden].
  assert (D : 0 < IZR (Zpos d)) by (apply IZR_lt; lia). rewrite Q2R_make in *.
  destruct (Z.eqb_spec n 0) as [-> | N].
  - unfold Rdiv. rewrite Rmult_0_l, sqrt_0, radius_of_points. lra.
  - set (k := (128 + Z.max 0 (Z.log2 (Zpos d) - Z.log2 n))%Z). assert (K : (0 <= k)%Z) by (unfold k; lia).
    set (w := (Z.shiftl n (2 * k) / Zpos d)%Z).
    assert (S : (0 < Z.shiftl 1 k)%Z) by (rewrite Z.shiftl_1_l; apply Z.pow_pos_nonneg; lia).
    rewrite Q2R_make, Z2Pos.id, shiftl_IZR, Rmult_1_l by assumption.
    assert (N0 : (0 <= n)%Z).
    { apply le_IZR. apply (Rmult_le_reg_r (/ IZR (Zpos d))); [apply Rinv_0_lt_compat, D|]. rewrite Rmult_0_l. exact P. }
    assert (W0 : (0 <= w)%Z).
    { unfold w. apply Z.div_pos; [|lia]. rewrite Z.shiftl_mul_pow2 by lia. apply Z.mul_nonneg_nonneg; [exact N0|].
      apply Z.pow_nonneg. lia. }
    pose proof (pow2_pos k) as PK. pose proof (Z.sqrt_nonneg w) as R0. destruct (Z.sqrt_spec w W0) as [_ R1].
    rewrite <- (sqrt_Rsqr (IZR (Z.sqrt w + 1) / pow2 k)).
    2: { apply Rmult_le_pos; [apply IZR_le; lia | apply Rlt_le, Rinv_0_lt_compat, PK]. }
    apply sqrt_le_1_alt. unfold Rsqr.
    apply (Rmult_le_reg_r (pow2 k * pow2 k)); [apply Rmult_lt_0_compat; assumption|].
    replace (IZR (Z.sqrt w + 1) / pow2 k * (IZR (Z.sqrt w + 1) / pow2 k) * (pow2 k * pow2 k))
      with (IZR (Z.sqrt w + 1) * IZR (Z.sqrt w + 1)) by (field; lra).
    rewrite <- mult_IZR. apply Rle_trans with (IZR (w + 1)); [|apply IZR_le; unfold Z.succ in R1; lia].
    apply (Rmult_le_reg_r (IZR (Zpos d))); [exact D|].
    replace (IZR n / IZR (Zpos d) * (pow2 k * pow2 k) * IZR (Zpos d)) with (IZR n * (pow2 k * pow2 k)) by (field; lra).
    rewrite <- bpow_plus. replace (k + k)%Z with (2 * k)%Z by ring. rewrite <- shiftl_IZR, <- mult_IZR by lia.
    apply IZR_le. unfold w. pose proof (Z.mod_pos_bound (Z.shiftl n (2 * k)) (Zpos d) eq_refl).
    pose proof (Z.div_mod (Z.shiftl n (2 * k)) (Zpos d)). nia.
Qed.

(** *** The rows of `value`: entries of f - g, modulo their mean or not *)

Lemma value_rows (modulo : bool) d :
  let n := length d in
  let k := if modulo then Z.of_nat n else 1%Z in
  (modulo = true -> (1 <= n)%nat) ->
  map (fun row => dot row d / Q2R (inject_Z k)) (map (fun j => basis_row n j k (if modulo then 1%Z else 0%Z)) (seq 0 n))
  = (if modulo then minus_mean d else d).
Proof.
  intros n k P. rewrite inject_Z_value, map_map.
  assert (E : forall j, dot (basis_row n j k (if modulo then 1%Z else 0%Z)) d / IZR k
              = nth j d 0 - if modulo then sum d / INR n else 0).
  { intros j. unfold n. rewrite dot_basis_row. unfold k. destruct modulo; [|field].
    specialize (P eq_refl). rewrite <- INR_IZR_INZ. assert (0 < INR n) by (apply lt_0_INR; lia). fold n. field. lra. }
  rewrite (map_ext _ _ E). clear E P.
  assert (G : forall c, map (fun j => nth j d 0 - c) (seq 0 n) = map (fun v => v - c) d).
  { intros c. unfold n. clear. apply (nth_ext _ _ (0 - c) (0 - c)).
    - rewrite !map_length. apply seq_length.
    - intros i I. rewrite map_length, seq_length in I.
      rewrite (map_nth (fun v => v - c)), (nth_indep _ _ (nth 0 d 0 - c)) by (rewrite map_length, seq_length; exact I).
      rewrite (map_nth (fun j => nth j d 0 - c)), seq_nth by exact I. reflexivity. }
  rewrite G. destruct modulo; [reflexivity|]. rewrite <- (map_id d) at 2. apply map_ext. intros v. lra.
Qed.

Lemma dot_opposite_rows d k plus : map (fun row => dot row d / k) (map (map Z.opp) plus)
  = map Ropp (map (fun row => dot row d / k) plus).
Proof. rewrite !map_map. apply map_ext. intros row. rewrite dot_opp. unfold Rdiv. ring. Qed.

(** *** The rows of `least` *)

Lemma pairs_map {A B} (F : A -> A -> A) (G : B -> B -> B) h : (forall x y, h (F x y) = G (h x) (h y)) ->
  forall l, map h (pairs_if F l) = pairs_if G (map h l).
Proof.
  intros E l. unfold pairs_if. rewrite map_length. destruct (_ <=? _)%nat; [|reflexivity].
  induction l as [|x l IH]; simpl; [reflexivity|]. rewrite map_app, IH, !map_map. f_equal. apply map_ext. intros y.
  apply E.
Qed.

Lemma nth_map_seq {A} (F : nat -> A) d k K : (k < K)%nat -> nth k (map F (seq 0 K)) d = F k.
Proof.
  intros L. rewrite (nth_indep _ d (F 0%nat)) by (rewrite map_length, seq_length; exact L).
  rewrite map_nth, seq_nth by exact L. reflexivity.
Qed.

(** Row k of a tensor, from its integers. *)
Lemma least_row_value s t K n a all k v : floats_at s t (K * n) = Ok a -> incl a all -> (k < K)%nat -> length v = n ->
  let e := least_exponent all in
  let reals_ := reals_at s t in
  dot (nth k (chunk K n (whole e a)) []) v / Q2R (pow2_q (- e))
  = dotR (nth k (chunk (length reals_ / n) n reals_) []) v.
Proof.
  intros H I L V e reals_. apply floats_at_ok in H. destruct H as [La Ra].
  destruct n as [|m].
  { destruct v; [|discriminate]. rewrite dot_nil_r, dotR_nil_r. unfold Rdiv. ring. }
  replace (length reals_ / S m)%nat with K.
  2: { unfold reals_. rewrite Ra, map_length, La. symmetry. apply Nat.div_mul. lia. }
  unfold reals_. rewrite Ra, pow2_q_value. unfold dot.
  replace (map IZR (nth k (chunk K (S m) (whole e a)) [])) with
    (map (fun x => x * pow2 (- e)) (nth k (chunk K (S m) (map dyadic_value a)) [])).
  - rewrite dotR_scale_left. apply scaled_row.
  - rewrite <- (map_nth (map IZR)), <- (map_nth (map (fun x => x * pow2 (- e)))), <- !chunk_map.
    unfold e. rewrite whole_value by exact I. reflexivity.
Qed.

Lemma nth_map2_app (L1 : list (list Z)) : forall L2 k, length L1 = length L2 ->
  nth k (map2 (@app Z) L1 L2) [] = nth k L1 [] ++ nth k L2 [].
Proof.
  induction L1 as [|x L1 IH]; intros [|y L2] k L; try discriminate; destruct k; simpl; try reflexivity.
  apply IH. injection L; auto.
Qed.

Lemma map2_app_size (L1 : list (list Z)) : forall L2, length L1 = length L2 -> length (map2 (@app Z) L1 L2) = length L1.
Proof. induction L1 as [|x L1 IH]; intros [|y L2] L; try discriminate; simpl; auto. Qed.

Lemma dotR_opp a v : dotR (map Ropp a) v = - dotR a v.
Proof. revert v. induction a as [|x a IH]; intros [|y v]; simpl; try lra. rewrite IH. lra. Qed.

(** What row k of `least` is compared with its limit. *)
Definition least_value (s : store) (a : nat) (b : on_g) (f g : list R) (k : nat) : R :=
  let row k a := nth k (chunk (length a / length f) (length f) a) [] in
  let on_f := row k (reals_at s a) in
  let on_g := match b with GNone => [] | GOpposite => map Ropp on_f | GTensor u => row k (reals_at s u) end in
  dotR on_f f + dotR on_g g.

Lemma least_rows_value s K a b f g r : least_rows s (length f) K a b = Ok r -> length g = length f ->
  let h row := dot row (quantity_vector (rw_on r) f g) / Q2R (rw_unit r) in
  let rv := map (least_value s a b f g) (seq 0 K) in
  map h (rw_matrix r) = rv ++ pairs_if Rplus rv.
Proof.
  intros H L h rv. unfold least_rows in H. apply bind_ok in H. destruct H as (da & Ea & H).
  apply bind_ok in H. destruct H as (db & Eb & H). set (e := least_exponent (da ++ db)) in H.
  set (left := chunk K (length f) (whole e da)) in H. injection H as <-. cbn [rw_matrix rw_on rw_unit] in h |- *.
  set (single := match b with GTensor _ => _ | _ => _ end).
  set (v := quantity_vector (match b with GNone => OnF | GOpposite => OnDifference | GTensor _ => OnBoth end) f g) in h.
  rewrite map_app, (pairs_map addl Rplus h) by (intros x y; unfold h; rewrite dot_addl; unfold Rdiv; ring).
  assert (S : map h single = rv); [|rewrite S; reflexivity].
  assert (LL : length left = K) by apply chunk_size.
  assert (LS : length single = K).
  { unfold single. destruct b; try exact LL. rewrite map2_app_size; [exact LL | rewrite LL, chunk_size; reflexivity]. }
  apply (nth_ext _ _ 0 0); [unfold rv; rewrite !map_length, seq_length; exact LS|].
  intros k Hk. rewrite map_length, LS in Hk. unfold rv. rewrite nth_map_seq by exact Hk.
  transitivity (h (nth k single [])).
  { rewrite <- (map_nth h). apply nth_indep. rewrite map_length, LS. exact Hk. }
  assert (VA : forall w, length w = length f -> dot (nth k left []) w / Q2R (pow2_q (- e))
      = dotR (nth k (chunk (length (reals_at s a) / length f) (length f) (reals_at s a)) []) w).
  { intros w W. apply (least_row_value s a K (length f) da (da ++ db));
      [exact Ea | apply incl_appl, incl_refl | exact Hk | exact W]. }
  unfold h, v, single, least_value. clear h v single LS rv. destruct b as [| |t]; cbn [quantity_vector].
  - rewrite VA by reflexivity. simpl. lra.
  - rewrite VA, dotR_minus, dotR_opp by (try (symmetry; exact L); revert L; clear; revert g;
      induction f as [|x f IH]; intros [|y g] L; try discriminate; simpl; auto). lra.
  - rewrite nth_map2_app by (rewrite LL, chunk_size; reflexivity).
    rewrite (dot_app (length f)) by reflexivity.
    assert (LN : length (nth k left []) = length f).
    { apply chunk_nth; [|exact Hk]. unfold whole. rewrite map_length. apply (floats_at_ok _ _ _ _ Ea). }
    rewrite firstn_app, skipn_app, <- LN, firstn_all, skipn_all, Nat.sub_diag. simpl. rewrite app_nil_r, LN.
    rewrite <- (VA f eq_refl), <- (least_row_value s t K (length f) db (da ++ db) k g Eb);
      [fold e; unfold Rdiv; ring | apply incl_appr, incl_refl | exact Hk | exact L].
Qed.

(** *** The least of candidates *)

Lemma least_in l : forall a, In (fold_left min_q l a) (a :: l).
Proof.
  induction l as [|x l IH]; intros a; cbn [fold_left]; [left; reflexivity|].
  destruct (IH (min_q a x)) as [<- | I]; [|right; right; exact I].
  unfold min_q. destruct (Qle_bool a x); [left | right; left]; reflexivity.
Qed.

Lemma map2_below (F : Q -> Q -> Q) (G : R -> Q -> R) (P : R -> Q -> Prop) xs us :
  (forall x u t, x <= Q2R u -> P (G x t) (F u t)) ->
  Forall2 (fun x u => x <= Q2R u) xs us -> forall ts v, In v (map2 F us ts) -> exists y, In y (map2 G xs ts) /\ P y v.
Proof.
  intros H. induction 1 as [|x u xs us A B IH]; intros [|t ts] v I; try contradiction.
  destruct I as [<- | I].
  - exists (G x t). split; [left; reflexivity | apply H, A].
  - destruct (IH ts v I) as (y & Iy & Py). exists y. split; [right; exact Iy | exact Py].
Qed.

Lemma map2_app {A B C} (F : A -> B -> C) a1 : forall b1 a2 b2, length a1 = length b1 ->
  map2 F (a1 ++ a2) (b1 ++ b2) = map2 F a1 b1 ++ map2 F a2 b2.
Proof.
  induction a1 as [|x a1 IH]; intros [|y b1] a2 b2 L; try discriminate; simpl; [reflexivity|]. rewrite IH; auto.
Qed.

Lemma pairs_above rv : forall limits, length rv = length limits ->
  map2 (fun x t => x - Q2R t) (pairs_of Rplus rv) (pairs_of add_q limits)
  = pairs_of Rplus (map2 (fun x t => x - Q2R t) rv limits).
Proof.
  induction rv as [|x rv IH]; intros [|t limits] L; try discriminate; [reflexivity|]. injection L as L. simpl.
  rewrite map2_app, IH by (rewrite ?map_length; exact L). f_equal. clear IH. revert limits L.
  induction rv as [|y rv IH]; intros [|u limits] L; try discriminate; simpl; [reflexivity|].
  rewrite add_q_value, IH by (injection L; auto). f_equal. lra.
Qed.

Lemma pairs_in l z : In z (pairs_of Rplus l) -> exists a b, In a l /\ In b l /\ z = a + b.
Proof.
  induction l as [|x l IH]; simpl; [contradiction|]. rewrite in_app_iff, in_map_iff. intros [(y & <- & I) | I].
  - exists x, y. auto.
  - destruct (IH I) as (a & b & Ia & Ib & E). exists a, b. auto.
Qed.

Lemma candidate_row rv limits uppers v : length rv = length limits ->
  Forall2 (fun x u => x <= Q2R u) (rv ++ pairs_if Rplus rv) uppers -> In v (least_candidates limits uppers) ->
  exists k, (k < length limits)%nat /\ nth k rv 0 - Q2R (nth k limits 0%Q) <= Q2R v.
Proof.
  intros L H I. set (gs := map2 (fun x t => x - Q2R t) rv limits).
  assert (G : exists y, In y gs /\ y <= Q2R v).
  { apply Forall2_app_inv_l in H. destruct H as (u1 & u2 & H1 & H2 & ->).
    pose proof (Forall2_size _ _ _ H1) as L1. unfold least_candidates in I. rewrite <- L, L1 in I.
    rewrite firstn_app, Nat.sub_diag, firstn_all, skipn_app, skipn_all, Nat.sub_diag in I. simpl in I.
    rewrite app_nil_r in I.
    apply in_app_iff in I. destruct I as [I | I].
    - apply (map2_below sub_q (fun x t => x - Q2R t) (fun y v => y <= Q2R v) rv u1); [|exact H1 | exact I].
      intros x u t A. rewrite sub_q_value. lra.
    - apply (map2_below _ (fun x t => x - Q2R t) (fun y v => y / 2 <= Q2R v) _ _) with (2 := H2) in I.
      2: { intros x u t A. rewrite Q2R_mult, sub_q_value, Q2R_make. lra. }
      destruct I as (y & Iy & Py). unfold pairs_if in Iy. rewrite L in Iy. destruct (_ <=? _)%nat; [|contradiction].
      rewrite pairs_above in Iy by exact L. apply pairs_in in Iy. destruct Iy as (a & b & Ia & Ib & ->).
      destruct (Rle_or_lt a b); [exists a | exists b]; split; try assumption; lra. }
  destruct G as (y & Iy & Py). unfold gs in Iy. clear H I gs. revert limits L Iy.
  induction rv as [|x rv IH]; intros [|t limits] L Iy; try contradiction.
  destruct Iy as [E | Iy].
  - exists 0%nat. simpl. split; [lia | lra].
  - destruct (IH limits ltac:(injection L; auto) Iy) as (k & Hk & B). exists (S k). simpl. split; [lia | exact B].
Qed.

(** ** The rule *)

(** What holds of everything up to a bound holds of a quantity up to it. *)
Lemma quantity_weaken s q class f g (below below' : R -> R -> Prop) b t :
  (forall x, below x b -> below' x t) -> quantity_holds s q below class f g b -> quantity_holds s q below' class f g t.
Proof.
  intros W. unfold quantity_holds. destruct q as [[] modulo|j|a|a|a b' limits|l|l]; try (intros H; apply W, H);
    intros H.
  - intros j J. apply W, H, J.
  - destruct H as (k & K & H). exists k. split; [exact K | apply W, H].
  - intros j J N. apply W, H; assumption.
  - intros j J N. destruct (H j J N) as [A B]. split; apply W; assumption.
Qed.

Lemma minus_size f : forall g : list R, length g = length f -> length (map2 Rminus f g) = length f.
Proof. induction f as [|x f IH]; intros [|y g] L; try discriminate; simpl; auto. Qed.

Lemma minus_nth f : forall g j, length g = length f -> nth j (map2 Rminus f g) 0 = nth j f 0 - nth j g 0.
Proof.
  induction f as [|x f IH]; intros [|y g] [|j] L; try discriminate; simpl; try lra. apply IH. injection L; auto.
Qed.

Lemma minus_nthz f g j : length g = length f -> nthz 0 (map2 Rminus f g) j = nthz 0 f j - nthz 0 g j.
Proof. intros L. unfold nthz. destruct (j <? 0)%Z; [lra | apply minus_nth, L]. Qed.

Lemma Rabs_of_two x u : x <= u -> - x <= u -> Rabs x <= u.
Proof. intros A B. apply Rabs_le. lra. Qed.

(** A row that occurs in a group. *)
Lemma row_listed groups r row : In r groups -> In row (rw_matrix r) -> In (row, rw_on r, rw_unit r) (row_list groups).
Proof. intros I J. apply in_flat_map. exists r. split; [exact I|]. apply in_map_iff. exists row. auto. Qed.

Lemma value_sizes s c f g class groups uppers nm (modulo : bool) count :
  let d := map2 Rminus f g in
  let e := if modulo then minus_mean d else d in
  cl_quantity c = WValue nm modulo -> check_quantity s c (length f) count = Ok tt ->
  quantity_rows s c (length f) class = Ok groups -> length g = length f -> rows_below groups f g uppers ->
  Forall2 (fun x u => x <= Q2R u) (e ++ map Ropp e) uppers.
Proof.
  intros d e Q C R L B. unfold quantity_rows in R. rewrite Q in R. injection R as <-.
  apply rows_of_one in B. cbn [rw_on rw_unit rw_matrix on_difference quantity_vector] in B.
  assert (LD : length d = length f) by (apply minus_size, L).
  rewrite map_app, dot_opposite_rows in B. fold d in B. rewrite <- LD in B.
  rewrite value_rows in B; [exact B|]. intros ->. unfold check_quantity, check_form in C. rewrite Q in C. ok C.
  apply Nat.leb_le in E. lia.
Qed.

Theorem conclude_bounds s c n count class groups f g uppers b ok :
  check_quantity s c n count = Ok tt -> quantity_rows s c n class = Ok groups ->
  length f = n -> length g = n -> rows_below groups f g uppers -> combine c uppers = (b, ok) ->
  quantity_holds s (cl_quantity c) Rle class f g (Q2R b).
Proof.
  intros C R <- L B H. unfold combine in H.
  assert (GE := row_greatest groups f g uppers).
  assert (LD : length (map2 Rminus f g) = length f) by (apply minus_size, L).
  assert (ND := fun j => minus_nth f g j L).
  destruct (cl_quantity c) as [nm modulo|j|t|t|a on limits|l|l] eqn:Q; cbn [quantity_holds].
  - assert (V := value_sizes s c f g class groups uppers nm modulo count Q C R L B).
    set (e := if modulo then _ else _) in *. destruct nm; injection H as <- _.
    + intros j J. assert (I : In (nth j e 0) e) by (apply nth_In, J). apply Rabs_of_two.
      * destruct (Forall2_in_left _ _ _ V (nth j e 0)) as (u & Iu & A); [apply in_app_iff; auto|].
        eapply Rle_trans; [exact A | apply greatest_ge, Iu].
      * destruct (Forall2_in_left _ _ _ V (- nth j e 0)) as (u & Iu & A); [apply in_app_iff; right; apply in_map, I|].
        eapply Rle_trans; [exact A | apply greatest_ge, Iu].
    + apply sizes_bound, sum_squares in V. eapply Rle_trans; [apply sqrt_le_1_alt, V|]. apply root_above_ge.
      eapply Rle_trans; [|exact V]. clear. unfold sum. induction e as [|x e IH]; simpl; [lra|].
      pose proof (Rle_0_sqr x). unfold Rsqr in *. lra.
    + apply sum_sizes, sizes_bound, V.
  - unfold quantity_rows in R. rewrite Q in R. injection R as <- . injection H as <- _.
    assert (E : dot (basis_row (length f) j 1 0) (map2 Rminus f g) / Q2R 1 = nth j (map2 Rminus f g) 0).
    { rewrite <- LD, dot_basis_row, one_value. field. }
    apply Rabs_of_two.
    + rewrite <- E. apply (GE (_, OnDifference, _) B). left. reflexivity.
    + replace (- nth j (map2 Rminus f g) 0)
        with (dot (map Z.opp (basis_row (length f) j 1 0)) (map2 Rminus f g) / Q2R 1)
        by (rewrite dot_opp, <- E; unfold Rdiv; ring).
      apply (GE (_, OnDifference, _) B). right. left. reflexivity.
  - unfold quantity_rows in R. rewrite Q in R. ok R. injection R as <-. injection H as <- _.
    apply Rabs_of_two; rewrite <- (functional_row s t _ _ _ E).
    + apply (GE (_, OnDifference, _) B). left. reflexivity.
    + unfold Rdiv. rewrite Ropp_mult_distr_l, <- dot_opp. apply (GE (_, OnDifference, _) B). right. left. reflexivity.
  - unfold quantity_rows in R. rewrite Q in R. ok R. injection R as <-. injection H as <- _.
    rewrite <- (functional_row s t _ _ _ E). apply (GE (_, OnDifference, _) B). left. reflexivity.
  - unfold quantity_rows in R. rewrite Q in R. apply bind_ok in R. destruct R as (r & E & R). injection R as <-.
    apply rows_of_one in B. rewrite (least_rows_value _ _ _ _ _ _ _ E L) in B.
    unfold check_quantity, check_form in C. rewrite Q in C. ok C.
    match goal with X : (forallb _ limits && _)%bool = true |- _ => apply andb_prop in X; destruct X as [Den Some_] end.
    destruct limits as [|t0 limits]; [discriminate|].
    set (ts := map ratio_q (t0 :: limits)) in *.
    set (rv := map _ (seq 0 _)) in *.
    assert (LR : length rv = length ts) by (unfold rv, ts; rewrite !map_length, seq_length; reflexivity).
    destruct (least_candidates ts uppers) as [|u us] eqn:Cd.
    { exfalso. assert (LU := Forall2_size _ _ _ B). rewrite app_length, LR in LU. unfold least_candidates in Cd.
      destruct uppers as [|u0 us]; [simpl in LU; discriminate|]. simpl in Cd. discriminate. }
    injection H as <- _. pose proof (least_in us u) as I. rewrite <- Cd in I.
    destruct (candidate_row rv ts uppers _ LR B I) as (k & Hk & A).
    unfold ts in Hk. rewrite map_length in Hk. exists k. split; [exact Hk|].
    unfold rv in A. rewrite nth_map_seq in A by exact Hk.
    assert (T : Q2R (nth k ts 0%Q) = ratio_value (nth k (t0 :: limits) (0, 1)%Z)).
    { unfold ts. rewrite (nth_indep _ 0%Q (ratio_q (0, 1)%Z)) by (rewrite map_length; exact Hk). rewrite map_nth.
      apply ratio_q_value. apply Z.leb_le. rewrite forallb_forall in Den. apply Den, nth_In, Hk. }
    rewrite T in A. exact A.
  - unfold quantity_rows in R. rewrite Q in R. injection R as <-. injection H as <- _. intros j J N.
    replace (nth j f 0 - nthz 0 f class - (nth j g 0 - nthz 0 g class))
      with (dot (margin_row (length f) j class) (map2 Rminus f g) / Q2R 1).
    2: { rewrite <- LD, dot_margin_row, ND, minus_nthz, one_value by exact L. field. }
    apply (GE (_, OnDifference, _) B), (row_listed _ (on_difference (margin_rows (length f) class) 1%Q));
      [left; reflexivity|].
    apply in_map_iff. exists j. split; [reflexivity|]. apply filter_In. split; [apply in_seq; lia|].
    apply negb_true_iff, Z.eqb_neq, N.
  - unfold quantity_rows in R. rewrite Q in R. injection R as <-. injection H as <- _. intros j J N.
    set (at_ on := {| rw_matrix := margin_rows (length f) class; rw_on := on; rw_unit := 1%Q |}).
    assert (I : In (margin_row (length f) j class) (margin_rows (length f) class)).
    { apply in_map_iff. exists j. split; [reflexivity|]. apply filter_In. split; [apply in_seq; lia|].
      apply negb_true_iff, Z.eqb_neq, N. }
    split.
    + replace (nth j f 0 - nthz 0 f class) with (dot (margin_row (length f) j class) f / Q2R 1)
        by (rewrite dot_margin_row, one_value; field).
      apply (GE (_, OnF, _) B), (row_listed _ (at_ OnF)); [left; reflexivity | exact I].
    + replace (nth j g 0 - nthz 0 g class) with (dot (margin_row (length f) j class) g / Q2R 1)
        by (rewrite <- L, dot_margin_row, one_value; field).
      apply (GE (_, OnG, _) B), (row_listed _ (at_ OnG)); [right; left; reflexivity | exact I].
Qed.

Lemma holds_below c b t : holds c b t = true -> forall x, x <= Q2R b -> below_of c x (Q2R t).
Proof.
  unfold holds, below_of. intros H x A. destruct (cl_strict c).
  - apply negb_true_iff in H. assert (b < t)%Q by (apply Qnot_le_lt; rewrite <- Qle_bool_iff; congruence).
    apply Qlt_Rlt in H0. lra.
  - apply Qle_bool_iff, Qle_Rle in H. lra.
Qed.

Theorem conclude_correct s c n count class groups f g uppers b :
  check_quantity s c n count = Ok tt -> quantity_rows s c n class = Ok groups ->
  length f = n -> length g = n -> rows_below groups f g uppers -> combine c uppers = (b, true) ->
  quantity_holds s (cl_quantity c) (below_of c) class f g (ratio_value (cl_threshold c)).
Proof.
  intros C R Lf Lg B H.
  assert (T : Q2R (ratio_q (cl_threshold c)) = ratio_value (cl_threshold c)
              /\ match cl_quantity c with WValue L2 _ => 0 <= Q2R (ratio_q (cl_threshold c)) | _ => True end).
  { pose proof C as C'. unfold check_quantity in C'. ok C'. apply Z.leb_le in E0. rewrite ratio_q_value by exact E0.
    split; [reflexivity|]. destruct (cl_quantity c) as [[]| | | | | |]; trivial. apply Z.leb_le in C'.
    apply Rmult_le_pos; [apply IZR_le, C' | apply Rlt_le, Rinv_0_lt_compat, IZR_lt; lia]. }
  destruct T as [T T0]. rewrite <- T.
  assert (W : forall bound, (bound, holds c bound (ratio_q (cl_threshold c))) = (b, true) ->
     quantity_holds s (cl_quantity c) (below_of c) class f g (Q2R (ratio_q (cl_threshold c)))).
  { intros bound E. injection E as -> E. apply (quantity_weaken s _ class f g Rle) with (b := Q2R b).
    - apply holds_below, E.
    - apply (conclude_bounds s c n count class groups f g uppers b true); assumption. }
  destruct (cl_quantity c) as [[] modulo|j|t|t|a on limits|l|l] eqn:Q;
    try (unfold combine in H; rewrite Q in H; apply (W _ H)).
  - subst n. pose proof (value_sizes s c f g class groups uppers L2 modulo count Q C R Lg B) as V.
    unfold combine in H. rewrite Q in H. injection H as _ H. cbn [quantity_holds].
    set (e := if modulo then _ else _) in *. apply sizes_bound, sum_squares in V.
    pose proof (holds_below c _ _ H _ V) as S. rewrite Q2R_mult in S. set (t := Q2R (ratio_q _)) in *.
    rewrite <- (sqrt_Rsqr t T0). unfold below_of in *. destruct (cl_strict c).
    + apply sqrt_lt_1_alt. split; [|exact S]. clear. unfold sum. induction e as [|x e IH]; simpl; [lra|].
      pose proof (Rle_0_sqr x). unfold Rsqr in *. lra.
    + apply sqrt_le_1_alt, S.
  - unfold combine in H. rewrite Q in H. destruct (least_candidates _ uppers); [discriminate | apply (W _ H)].
Qed.
