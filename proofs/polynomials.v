(** Polynomials with exact coefficients, and proofs that one is not negative where others are not.

    [terms_value] says what a list of terms is; lists are kept sorted so that equal polynomials meet term by term, which
    no theorem needs. Spec: statements.md#polynomials. *)
From Coq Require Import String ZArith NArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope string_scope.
Open Scope Z_scope.

(** ** Arithmetic *)

(** Exponents of the variables in order, and a coefficient. *)
Notation term := (list N * Z)%type.

(** Terms over one denominator. *)
Record polynomial := { p_terms : list term; p_den : BinNums.positive }.

Fixpoint add_exponents (e f : list N) : list N :=
  match e, f with
  | k :: e', l :: f' => N.add k l :: add_exponents e' f'
  | [], _ => f
  | _, [] => e
  end.

Fixpoint order (e f : list N) : comparison :=
  match e, f with
  | [], [] => Eq
  | [], _ => Lt
  | _, [] => Gt
  | k :: e', l :: f' => match N.compare k l with Eq => order e' f' | c => c end
  end.

(** Of sorted lists; a coefficient of zero is dropped. *)
Fixpoint add_terms (a : list term) : list term -> list term :=
  match a with
  | [] => fun b => b
  | (e, c) :: a' =>
      fix go (b : list term) : list term :=
        match b with
        | [] => a
        | (f, d) :: b' =>
            match order e f with
            | Lt => (e, c) :: add_terms a' b
            | Gt => (f, d) :: go b'
            | Eq => if c + d =? 0 then add_terms a' b' else (e, c + d) :: add_terms a' b'
            end
        end
  end.

(** Sums of many lists: place k of the stack has the sum of 2^k of them, or none. *)
Fixpoint push (stack : list (option (list term))) (l : list term) : list (option (list term)) :=
  match stack with
  | [] => [Some l]
  | None :: rest => Some l :: rest
  | Some m :: rest => None :: push rest (add_terms m l)
  end.
Definition stacked (stack : list (option (list term))) : list term :=
  fold_right (fun o l => match o with Some m => add_terms m l | None => l end) [] stack.
Definition gather (ls : list (list term)) : list term := stacked (fold_left push ls []).

Definition single (e : list N) (c : Z) : list term := if c =? 0 then [] else [(e, c)].
Definition scale_terms (k : Z) (l : list term) : list term := map (fun t => (fst t, k * snd t)) l.
Definition shift_terms (e : list N) (c : Z) (l : list term) : list term :=
  map (fun t => (add_exponents e (fst t), c * snd t)) l.

Definition zero : polynomial := {| p_terms := []; p_den := 1 |}.

Definition opp (p : polynomial) : polynomial := {| p_terms := scale_terms (-1) (p_terms p); p_den := p_den p |}.

(** Over the least common multiple of the denominators. *)
Definition add (p q : polynomial) : polynomial :=
  let g := Pos.gcd (p_den p) (p_den q) in
  let a := Z.to_pos (Z.pos (p_den p) / Z.pos g) in
  let b := Z.to_pos (Z.pos (p_den q) / Z.pos g) in
  {| p_terms := add_terms (scale_terms (Z.pos b) (p_terms p)) (scale_terms (Z.pos a) (p_terms q));
     p_den := p_den p * b |}.

(** 2^20: limits.py. *)
Definition most_terms : Z := 1048576.

Definition mul (p q : polynomial) : result polynomial :=
  if Z.of_nat (length (p_terms p)) * Z.of_nat (length (p_terms q)) <=? most_terms then
    Ok {| p_terms := gather (map (fun t => shift_terms (fst t) (snd t) (p_terms q)) (p_terms p));
          p_den := p_den p * p_den q |}
  else Decline "limit".

(** ** Reading *)

(** The rows of a matrix of natural numbers. *)
Definition exponents (n : nat) (m : matrix) : result (list (list N)) :=
  _ <- need "shape" (m_columns m =? n)%nat ;;
  _ <- need "exponent" (forallb (forallb (fun v => (0 <=? v) && (v mod m_den m =? 0))) (m_cells m)) ;;
  Ok (map (map (fun v => Z.to_N (v / m_den m))) (m_cells m)).

Definition of_matrices (n : nat) (powers coefficients : matrix) : result polynomial :=
  keys <- exponents n powers ;;
  _ <- need "shape" ((m_rows coefficients =? 1) && (m_columns coefficients =? m_rows powers))%nat ;;
  Ok {| p_terms := gather (map2 single keys (concat (m_cells coefficients))); p_den := Z.to_pos (m_den coefficients) |}.

(** Exponents and coefficients in turn. *)
Fixpoint of_list (n : nat) (ms : list matrix) : result (list polynomial) :=
  match ms with
  | [] => Ok []
  | e :: c :: rest => p <- of_matrices n e c ;; ps <- of_list n rest ;; Ok (p :: ps)
  | [_] => Reject "shape"
  end.

Definition of_statement (s : store) (n : nat) (ws : list matrix_words) : result (list polynomial) :=
  ms <- read_matrices s ws ;;
  _ <- need "shape" (Nat.even (length ms)) ;;
  of_list n ms.

(** ** Proofs *)

(** A number within a list. *)
Definition index (why : string) (k : Z) (length : nat) : result nat :=
  _ <- need why ((0 <=? k) && (k <? Z.of_nat length)) ;;
  Ok (Z.to_nat k).

Definition hint_at (s : store) (e : evidence) (k : Z) : result matrix :=
  i <- index "no-such-matrix" k (length (ev_matrices e)) ;;
  hint s e i.

Definition hint_polynomial (s : store) (e : evidence) (n : nat) (powers coefficients : Z) : result polynomial :=
  m <- hint_at s e powers ;;
  c <- hint_at s e coefficients ;;
  of_matrices n m c.

(** The diagonal matrix of a row; from column [i] on. *)
Fixpoint diagonal_rows (n i : nat) (l : list Z) : list (list Z) :=
  match l with
  | [] => []
  | k :: rest => (repeat 0 i ++ k :: repeat 0 (n - S i))%list :: diagonal_rows n (S i) rest
  end.

(** G: weights that are not negative, or shown to be positive semidefinite. *)
Definition form_of (s : store) (e : evidence) (g : matrix) (k : Z) : result matrix :=
  if k =? -1 then
    _ <- need "shape" (m_rows g =? 1)%nat ;;
    _ <- need "negative-multiplier" (forallb (forallb (Z.leb 0)) (m_cells g)) ;;
    Ok {| m_rows := m_columns g; m_columns := m_columns g;
          m_cells := diagonal_rows (m_columns g) 0 (concat (m_cells g)); m_den := m_den g |}
  else
    i <- index "no-such-matrix" k (length (ev_matrices e)) ;;
    _ <- shown_positive s e g i ;;
    Ok g.

(** In the monomials, where the form is one in polynomials: B' G B. *)
Definition in_monomials (s : store) (e : evidence) (terms : nat) (basis : Z) (g : matrix) : result matrix :=
  if basis =? -1 then Ok g
  else
    b <- hint_at s e basis ;;
    _ <- need "shape" ((m_rows b =? m_rows g) && (m_columns b =? terms))%nat ;;
    Ok (m_mul (m_mul (m_transpose b) g) b).

Definition expand (keys : list (list N)) (cells : list (list Z)) : list term :=
  gather (concat (map2 (fun e row => map2 (fun f c => single (add_exponents e f) c) keys row) keys cells)).

(** z' G z, which is nowhere negative. *)
Definition square (s : store) (e : evidence) (n : nat) (powers basis gram k : Z) : result polynomial :=
  m <- hint_at s e powers ;;
  keys <- exponents n m ;;
  g <- hint_at s e gram ;;
  let most := Z.of_nat (Nat.max (m_rows m) (Nat.max (m_rows g) (m_columns g))) in
  _ <- (if most * most <=? most_terms then Ok tt else Decline "limit") ;;
  f <- form_of s e g k ;;
  h <- in_monomials s e (m_rows m) basis f ;;
  _ <- need "shape" ((m_rows h =? m_rows m) && (m_columns h =? m_rows m))%nat ;;
  Ok {| p_terms := expand keys (m_cells h); p_den := Z.to_pos (m_den h) |}.

(** Times premises by number. *)
Fixpoint times (p : polynomial) (known : list polynomial) (numbers : list Z) : result polynomial :=
  match numbers with
  | [] => Ok p
  | k :: rest =>
      i <- index "item" k (length known) ;;
      g <- get "item" (nth_error known i) ;;
      q <- mul p g ;;
      times q known rest
  end.

(** -1, -p^2, -p^4, .. *)
Fixpoint minus_power (n : nat) (goal : polynomial) (k : nat) : result polynomial :=
  match k with
  | O => Ok {| p_terms := [(repeat 0%N n, -1)]; p_den := 1 |}
  | S j => p <- minus_power n goal j ;; q <- mul p goal ;; mul q goal
  end.

(** The greatest depth of splits, and the largest end of a leaf: limits.py, polynomials.py. *)
Definition most_depth : Z := 1000.
Definition most_ends : Z := 5.

(** The items that prove the goal under each list of premises in [todo]; [total] is what the leaf at hand has added up.
    Returns the items behind them. *)
Fixpoint follows (s : store) (e : evidence) (n : nat) (goal : polynomial) (first : nat) (equalities : list polynomial)
    (items : list (list Z)) (todo : list (list polynomial)) (total : polynomial) {struct items} : result (list (list Z)) :=
  match todo with
  | [] => Ok items
  | known :: others =>
      match items with
      | [] => Reject "item"
      | item :: rest =>
          match item with
          | [] => Reject "item"
          | code :: words =>
              if code =? 0 then
                match words with
                | [w] =>
                    _ <- need "item" ((0 <=? w) && (w <=? most_ends)) ;;
                    aim <- (if w =? 0 then Ok goal else minus_power n goal (Z.to_nat (w - 1))) ;;
                    _ <- need "identity" (match p_terms (add aim (opp total)) with [] => true | _ => false end) ;;
                    follows s e n goal first equalities rest others zero
                | _ => Reject "item"
                end
              else if code =? 1 then
                match words with
                | [a; b] =>
                    r <- hint_polynomial s e n a b ;;
                    _ <- (if Z.of_nat (length known) + 1 - Z.of_nat first <=? most_depth then Ok tt else Decline "limit") ;;
                    follows s e n goal first equalities rest
                      ((known ++ [r])%list :: (known ++ [opp r])%list :: others) total
                | _ => Reject "item"
                end
              else if code =? 2 then
                match words with
                | a :: b :: g :: k :: numbers =>
                    p <- square s e n a b g k ;;
                    q <- times p known numbers ;;
                    follows s e n goal first equalities rest todo (add total q)
                | _ => Reject "item"
                end
              else if code =? 3 then
                match words with
                | [j; a; b] =>
                    i <- index "item" j (length equalities) ;;
                    h <- get "item" (nth_error equalities i) ;;
                    q <- hint_polynomial s e n a b ;;
                    p <- mul q h ;;
                    follows s e n goal first equalities rest todo (add total p)
                | _ => Reject "item"
                end
              else Reject "item"
          end
      end
  end.

(** That the goal follows from premises; returns the items behind the proof. *)
Definition proved (s : store) (e : evidence) (n : nat) (goal : polynomial) (premises equalities : list polynomial)
    (items : list (list Z)) : result (list (list Z)) :=
  follows s e n goal (length premises) equalities items [premises] zero.

(** ** What they mean *)

Open Scope R_scope.

Fixpoint prod (n : nat) (f : nat -> R) : R := match n with O => 1 | S m => prod m f * f m end.

(** x to the power of a natural number that is given as a real. *)
Definition power (x e : R) : R := x ^ Z.to_nat (Int_part e).

(** Exponents and coefficients of a file. *)
Definition pair_words := (matrix_words * matrix_words)%type.
Fixpoint pairs (l : list matrix_words) : list pair_words :=
  match l with
  | e :: c :: rest => (e, c) :: pairs rest
  | _ => []
  end.

(** sum_i C_i prod_j x_j^(E_ij). *)
Definition polynomial_at (s : store) (n : nat) (p : pair_words) (x : nat -> R) : R :=
  sum (mw_rows (fst p)) (fun i => meaning s (snd p) 0 i * prod n (fun j => power (x j) (meaning s (fst p) i j))).

Definition natural_exponents (s : store) (n : nat) (p : pair_words) : Prop :=
  mw_columns (fst p) = n /\
  forall i j, (i < mw_rows (fst p))%nat -> (j < n)%nat -> exists k : nat, meaning s (fst p) i j = INR k.

(** The premises at a point: the last [equalities] of them vanish, the others are not negative. *)
Definition satisfied (s : store) (n : nat) (premises : list pair_words) (equalities : nat) (x : nat -> R) : Prop :=
  let k := (length premises - equalities)%nat in
  Forall (fun g => 0 <= polynomial_at s n g x) (firstn k premises) /\
  Forall (fun h => polynomial_at s n h x = 0) (skipn k premises).

Fixpoint monomial (e : list N) (x : nat -> R) : R :=
  match e with [] => 1 | k :: rest => x 0%nat ^ N.to_nat k * monomial rest (fun j => x (S j)) end.

Definition terms_value (l : list term) (x : nat -> R) : R :=
  fold_right (fun t v => IZR (snd t) * monomial (fst t) x + v) 0 l.

Definition value_at (p : polynomial) (x : nat -> R) : R := terms_value (p_terms p) x / IZR (Z.pos (p_den p)).

Lemma den_pos (d : BinNums.positive) : 0 < IZR (Z.pos d).
Proof. apply IZR_lt. reflexivity. Qed.

Lemma monomial_add e : forall f x, monomial (add_exponents e f) x = monomial e x * monomial f x.
Proof.
  induction e as [|k e IH]; intros [|l f] x; simpl; try lra.
  rewrite IH, N2Nat.inj_add, pow_add. ring.
Qed.

Lemma order_eq e : forall f, order e f = Eq -> e = f.
Proof.
  induction e as [|k e IH]; intros [|l f] H; simpl in H; try discriminate; [reflexivity|].
  destruct (N.compare k l) eqn:C; try discriminate. apply N.compare_eq in C. subst l. f_equal. auto.
Qed.

Lemma terms_cons e c l x : terms_value ((e, c) :: l) x = IZR c * monomial e x + terms_value l x.
Proof. reflexivity. Qed.

Lemma add_terms_cons e c a f d b : add_terms ((e, c) :: a) ((f, d) :: b) =
  match order e f with
  | Lt => (e, c) :: add_terms a ((f, d) :: b)
  | Gt => (f, d) :: add_terms ((e, c) :: a) b
  | Eq => if (c + d =? 0)%Z then add_terms a b else (e, (c + d)%Z) :: add_terms a b
  end.
Proof. reflexivity. Qed.

Lemma terms_add a : forall b x, terms_value (add_terms a b) x = terms_value a x + terms_value b x.
Proof.
  induction a as [|[e c] a IH]; intros b x; [simpl; lra|].
  induction b as [|[f d] b IHb]; [simpl; lra|].
  rewrite add_terms_cons. destruct (order e f) eqn:O.
  - apply order_eq in O. subst f. rewrite !terms_cons. destruct (Z.eqb_spec (c + d) 0) as [Z0 | _].
    + rewrite IH. assert (IZR c + IZR d = 0) by (rewrite <- plus_IZR, Z0; reflexivity).
      replace (IZR d) with (- IZR c) by lra. ring.
    + rewrite terms_cons, IH, plus_IZR. ring.
  - rewrite terms_cons, IH, !terms_cons. ring.
  - rewrite terms_cons, IHb, !terms_cons. ring.
Qed.

Lemma terms_app a : forall b x, terms_value (a ++ b) x = terms_value a x + terms_value b x.
Proof. induction a as [|[e c] a IH]; intros b x; simpl app; [simpl; lra|]. rewrite !terms_cons, IH. ring. Qed.

Definition stack_value (st : list (option (list term))) (x : nat -> R) : R :=
  fold_right (fun o v => match o with Some m => terms_value m x + v | None => v end) 0 st.

Lemma push_value st : forall l x, stack_value (push st l) x = terms_value l x + stack_value st x.
Proof.
  induction st as [|[m|] st IH]; intros l x; simpl; [lra| |reflexivity].
  rewrite IH, terms_add. unfold stack_value. ring.
Qed.

Lemma stacked_value st x : terms_value (stacked st) x = stack_value st x.
Proof.
  induction st as [|[m|] st IH]; [reflexivity| |exact IH].
  change (stacked (Some m :: st)) with (add_terms m (stacked st)). rewrite terms_add, IH. reflexivity.
Qed.

Definition lists_value (ls : list (list term)) (x : nat -> R) : R := fold_right (fun l v => terms_value l x + v) 0 ls.

Lemma gather_value ls x : terms_value (gather ls) x = lists_value ls x.
Proof.
  unfold gather. rewrite stacked_value.
  assert (G : forall st, stack_value (fold_left push ls st) x = stack_value st x + lists_value ls x).
  { induction ls as [|l ls IH]; intros st; [simpl; lra|]. simpl fold_left. rewrite IH, push_value.
    change (lists_value (l :: ls) x) with (terms_value l x + lists_value ls x). lra. }
  rewrite G. simpl. lra.
Qed.

Lemma single_value e c x : terms_value (single e c) x = IZR c * monomial e x.
Proof. unfold single. destruct (Z.eqb_spec c 0) as [-> | _]; simpl; lra. Qed.

Lemma scale_value k l x : terms_value (scale_terms k l) x = IZR k * terms_value l x.
Proof.
  induction l as [|[e c] l IH]; [simpl; lra|]. simpl scale_terms. rewrite !terms_cons, mult_IZR.
  change (map (fun t => (fst t, (k * snd t)%Z)) l) with (scale_terms k l). rewrite IH. ring.
Qed.

Lemma shift_value e c l x : terms_value (shift_terms e c l) x = IZR c * monomial e x * terms_value l x.
Proof.
  induction l as [|[f d] l IH]; [simpl; lra|].
  change (shift_terms e c ((f, d) :: l)) with ((add_exponents e f, (c * d)%Z) :: shift_terms e c l).
  rewrite !terms_cons, mult_IZR, monomial_add, IH. ring.
Qed.

Lemma zero_value x : value_at zero x = 0.
Proof. unfold value_at. simpl. lra. Qed.

Lemma opp_value p x : value_at (opp p) x = - value_at p x.
Proof. unfold value_at, opp. cbn [p_terms p_den]. rewrite scale_value. pose proof (den_pos (p_den p)). field. lra. Qed.

Lemma quotient_pos a g : Z.divide (Z.pos g) (Z.pos a) ->
  Z.pos a = (Z.pos g * Z.pos (Z.to_pos (Z.pos a / Z.pos g)))%Z.
Proof.
  intros [k E]. rewrite E, Z.div_mul by discriminate.
  rewrite Z2Pos.id; [apply Z.mul_comm|]. apply (Z.mul_pos_cancel_r k (Z.pos g)); [reflexivity|]. rewrite <- E. reflexivity.
Qed.

Lemma add_value p q x : value_at (add p q) x = value_at p x + value_at q x.
Proof.
  unfold value_at, add. cbn [p_terms p_den]. set (g := Pos.gcd (p_den p) (p_den q)).
  pose proof (quotient_pos (p_den p) g (Z.gcd_divide_l (Z.pos (p_den p)) (Z.pos (p_den q)))) as A.
  pose proof (quotient_pos (p_den q) g (Z.gcd_divide_r (Z.pos (p_den p)) (Z.pos (p_den q)))) as B.
  set (a := Z.to_pos (Z.pos (p_den p) / Z.pos g)) in *. set (b := Z.to_pos (Z.pos (p_den q) / Z.pos g)) in *.
  rewrite terms_add, !scale_value, Pos2Z.inj_mul, mult_IZR, A, B, !mult_IZR.
  pose proof (den_pos g). pose proof (den_pos a). pose proof (den_pos b). field. lra.
Qed.

Lemma mul_value p q r x : mul p q = Ok r -> value_at r x = value_at p x * value_at q x.
Proof.
  unfold mul. destruct (_ <=? _)%Z; [|discriminate]. intros H. injection H as <-.
  unfold value_at. cbn [p_terms p_den]. rewrite gather_value, Pos2Z.inj_mul, mult_IZR.
  assert (L : lists_value (map (fun t => shift_terms (fst t) (snd t) (p_terms q)) (p_terms p)) x
              = terms_value (p_terms p) x * terms_value (p_terms q) x).
  { induction (p_terms p) as [|[e c] l IH]; [simpl; lra|]. simpl map. rewrite terms_cons.
    change (lists_value (?h :: ?t) x) with (terms_value h x + lists_value t x). rewrite IH, shift_value. ring. }
  rewrite L. pose proof (den_pos (p_den p)). pose proof (den_pos (p_den q)). field. lra.
Qed.

(** ** Sums over lists *)

Lemma sum_first n f : sum (S n) f = f 0%nat + sum n (fun i => f (S i)).
Proof. induction n as [|n IH]; [simpl; lra|]. change (sum (S (S n)) f) with (sum (S n) f + f (S n)). rewrite IH. simpl. lra. Qed.

Lemma prod_first n f : prod (S n) f = f 0%nat * prod n (fun i => f (S i)).
Proof. induction n as [|n IH]; [simpl; lra|]. change (prod (S (S n)) f) with (prod (S n) f * f (S n)). rewrite IH. simpl. ring. Qed.

Lemma prod_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> prod n f = prod n g.
Proof. induction n as [|n IH]; intros H; simpl; [reflexivity|]. rewrite IH, H; auto with arith. Qed.

Lemma lists_app a b x : lists_value (a ++ b) x = lists_value a x + lists_value b x.
Proof. induction a as [|l a IH]; simpl; [lra|]. unfold lists_value in *. simpl. rewrite IH. lra. Qed.

Lemma concat_value ls x : lists_value (concat ls) x = fold_right (fun l v => lists_value l x + v) 0 ls.
Proof. induction ls as [|l ls IH]; [reflexivity|]. simpl concat. rewrite lists_app, IH. reflexivity. Qed.

Lemma singles_value (f : list N -> list N) keys : forall cs x, length cs = length keys ->
  lists_value (map2 (fun e c => single (f e) c) keys cs) x
  = sum (length keys) (fun i => IZR (nth i cs 0%Z) * monomial (f (nth i keys [])) x).
Proof.
  induction keys as [|e keys IH]; intros [|c cs] x L; simpl in L; try discriminate; [reflexivity|].
  change (length (e :: keys)) with (S (length keys)). rewrite sum_first.
  change (lists_value (map2 (fun e c => single (f e) c) (e :: keys) (c :: cs)) x)
    with (terms_value (single (f e) c) x + lists_value (map2 (fun e c => single (f e) c) keys cs) x).
  rewrite single_value, IH by lia. reflexivity.
Qed.

Lemma expand_value keys cells x : length cells = length keys -> Forall (fun r => length r = length keys) cells ->
  terms_value (expand keys cells) x
  = form (length keys) (fun i j => IZR (cell cells i j)) (fun i => monomial (nth i keys []) x).
Proof.
  intros L F. unfold expand, form. rewrite gather_value, concat_value.
  set (z := fun i => monomial (nth i keys []) x).
  assert (G : forall ks rows, length rows = length ks -> Forall (fun r => length r = length keys) rows ->
    fold_right (fun l v => lists_value l x + v) 0
      (map2 (fun e row => map2 (fun f c => single (add_exponents e f) c) keys row) ks rows)
    = sum (length ks) (fun i => sum (length keys) (fun j => IZR (cell rows i j) * monomial (nth i ks []) x * z j))).
  { induction ks as [|e ks IH]; intros [|row rows] E R; simpl in E; try discriminate; [reflexivity|].
    change (length (e :: ks)) with (S (length ks)). rewrite sum_first. inversion R; subst.
    change (fold_right ?g 0 (map2 ?h (e :: ks) (row :: rows)))
      with (lists_value (h e row) x + fold_right g 0 (map2 h ks rows)).
    rewrite IH by (lia || assumption). cbv beta. rewrite singles_value by assumption. f_equal.
    apply sum_ext. intros j _. rewrite monomial_add. unfold cell, z. simpl. ring. }
  apply G; assumption.
Qed.

(** ** What was read *)

Lemma power_whole x v d : (0 < d)%Z -> (0 <= v)%Z -> (v mod d = 0)%Z ->
  power x (IZR v / IZR d) = x ^ N.to_nat (Z.to_N (v / d)).
Proof.
  intros D V M. unfold power. rewrite Z_N_nat. assert (E : (v = d * (v / d))%Z) by (apply Z_div_exact_2; lia).
  set (q := (v / d)%Z) in *. assert (P : 0 < IZR d) by (apply IZR_lt; assumption).
  replace (IZR v / IZR d) with (IZR q) by (rewrite E, mult_IZR; field; lra).
  replace (Int_part (IZR q)) with q; [reflexivity|].
  destruct (base_Int_part (IZR q)) as [A B]. apply le_IZR in A.
  assert (q - 1 < Int_part (IZR q))%Z by (apply lt_IZR; rewrite minus_IZR; lra). lia.
Qed.

Definition key (d : Z) (row : list Z) : list N := map (fun v => Z.to_N (v / d)) row.

Lemma key_value d row : (0 < d)%Z -> Forall (fun v => (0 <= v)%Z /\ (v mod d = 0)%Z) row -> forall x,
  monomial (key d row) x = prod (length row) (fun j => power (x j) (IZR (nth j row 0%Z) / IZR d)).
Proof.
  intros D. induction row as [|v row IH]; intros F x; [reflexivity|]. inversion F as [|? ? [P M] F']; subst.
  change (length (v :: row)) with (S (length row)). rewrite prod_first. simpl.
  fold (key d row). rewrite (IH F'), (power_whole _ _ _ D P M). reflexivity.
Qed.

Lemma exponents_ok n m keys : formed m -> exponents n m = Ok keys ->
  m_columns m = n /\ keys = map (key (m_den m)) (m_cells m) /\
  Forall (Forall (fun v => (0 <= v)%Z /\ (v mod m_den m = 0)%Z)) (m_cells m).
Proof.
  intros F H. unfold exponents in H. ok H. injection H as <-. apply Nat.eqb_eq in E. split; [exact E|]. split; [reflexivity|].
  apply Forall_forall. intros r R. apply Forall_forall. intros v V.
  rewrite forallb_forall in E0. specialize (E0 r R). rewrite forallb_forall in E0. specialize (E0 v V).
  apply andb_prop in E0. destruct E0 as [A B]. apply Z.leb_le in A. apply Z.eqb_eq in B. split; assumption.
Qed.

Lemma keys_value n m keys i x : formed m -> exponents n m = Ok keys -> (i < m_rows m)%nat ->
  monomial (nth i keys []) x = prod n (fun j => power (x j) (value m i j)).
Proof.
  intros F H I. destruct (exponents_ok _ _ _ F H) as (C & -> & G). destruct F as (D & _ & _ & L & W).
  change (@nil N) with (key (m_den m) []). rewrite map_nth.
  assert (R : In (nth i (m_cells m) []) (m_cells m)) by (apply nth_In; lia).
  rewrite Forall_forall in G, W. rewrite key_value by (auto). rewrite (W _ R), C. reflexivity.
Qed.

Lemma keys_length n m keys : formed m -> exponents n m = Ok keys -> length keys = m_rows m.
Proof.
  intros F H. destruct (exponents_ok _ _ _ F H) as (_ & -> & _). rewrite map_length. apply F.
Qed.

Lemma of_matrices_value n e c p x : formed e -> formed c -> of_matrices n e c = Ok p ->
  m_rows c = 1%nat /\ m_columns c = m_rows e /\
  value_at p x = sum (m_rows e) (fun i => value c 0 i * prod n (fun j => power (x j) (value e i j))).
Proof.
  intros F G H. unfold of_matrices in H. ok H. rename a into keys. injection H as <-.
  apply andb_prop in E0. destruct E0 as [A B]. apply Nat.eqb_eq in A, B. split; [exact A|]. split; [exact B|].
  pose proof (keys_length _ _ _ F E) as L. destruct G as (D & _ & _ & R & W).
  destruct (m_cells c) as [|row [|other rest]] eqn:Cells; simpl in R; try lia.
  inversion W as [|? ? W' _]; subst.
  unfold value_at. cbn [p_terms p_den]. rewrite gather_value, Z2Pos.id by exact D. simpl concat. rewrite app_nil_r.
  assert (V : length row = length keys) by lia. apply (singles_value (fun e => e) keys row x) in V. cbv beta in V.
  change (map2 single keys row) with (map2 (fun e c => single e c) keys row). rewrite V. unfold Rdiv. rewrite Rmult_comm, <- sum_scale. rewrite L.
  apply sum_ext. intros i I. rewrite (keys_value _ _ _ _ x F E I). unfold value, cell. rewrite Cells. simpl.
  unfold Rdiv. ring.
Qed.

(** ** Squares *)

Lemma index_ok why k n i : index why k n = Ok i -> (i < n)%nat.
Proof. unfold index. intros H. ok H. injection H as <-. apply andb_prop in E. destruct E as [A B]. apply Z.leb_le in A. apply Z.ltb_lt in B. lia. Qed.

Lemma hint_formed s e k m : hint s e k = Ok m -> formed m.
Proof. unfold hint. intros H. ok H. apply read_matrix_correct in H. apply H. Qed.

Lemma hint_at_formed s e k m : hint_at s e k = Ok m -> formed m.
Proof. unfold hint_at. intros H. ok H. exact (hint_formed _ _ _ _ H). Qed.

Definition nonnegative_form (m : matrix) : Prop :=
  formed m /\ m_columns m = m_rows m /\ forall y : nat -> R, 0 <= form (m_rows m) (value m) y.

Lemma diagonal_cell n l : forall i0 i j, (i < length l)%nat -> (i0 + length l = n)%nat ->
  cell (diagonal_rows n i0 l) i j = if Nat.eqb (i0 + i) j then nth i l 0%Z else 0%Z.
Proof.
  induction l as [|k l IH]; intros i0 i j I E; simpl in I; [lia|]. destruct i as [|i].
  - unfold cell. simpl nth. rewrite Nat.add_0_r. destruct (Nat.eqb_spec i0 j) as [<- | N].
    + rewrite app_nth2; rewrite repeat_length; [|lia]. rewrite Nat.sub_diag. reflexivity.
    + destruct (Nat.lt_ge_cases j i0) as [A | A].
      * rewrite app_nth1 by (rewrite repeat_length; lia). apply nth_repeat.
      * rewrite app_nth2; rewrite repeat_length; [|lia]. destruct (j - i0)%nat as [|t] eqn:T; [lia|]. simpl. apply nth_repeat.
  - unfold cell in *. simpl. rewrite IH by (simpl in E; lia). replace (S i0 + i)%nat with (i0 + S i)%nat by lia. reflexivity.
Qed.

Lemma diagonal_formed n l : forall i0, (i0 + length l = n)%nat ->
  length (diagonal_rows n i0 l) = length l /\ Forall (fun r => length r = n) (diagonal_rows n i0 l).
Proof.
  induction l as [|k l IH]; intros i0 E; [split; constructor|]. simpl in E. destruct (IH (S i0)) as [A B]; [lia|]. simpl.
  split; [lia|]. constructor; [|exact B]. rewrite app_length. simpl. rewrite !repeat_length. lia.
Qed.

Lemma positive_square m shifts packed : positive m shifts packed = Ok tt -> m_columns m = m_rows m.
Proof. unfold positive. intros H. ok H. apply andb_prop in E. apply Nat.eqb_eq. apply E. Qed.

Lemma form_of_ok s e g k m : formed g -> form_of s e g k = Ok m -> nonnegative_form m.
Proof.
  intros F H. unfold form_of in H. destruct (k =? -1)%Z.
  - ok H. injection H as <-. apply Nat.eqb_eq in E. destruct F as (D & _ & C & L & W).
    destruct (m_cells g) as [|row [|other rest]] eqn:Cells; simpl in L; try lia.
    simpl concat. rewrite app_nil_r. inversion W as [|? ? W' _]; subst. simpl in E0. rewrite andb_true_r in E0.
    destruct (diagonal_formed (m_columns g) row 0) as [A B]; [lia|].
    unfold nonnegative_form, formed. cbn [m_rows m_columns m_cells m_den].
    split; [repeat split; auto; lia|]. split; [reflexivity|]. intros y. unfold form.
    apply sum_nonneg. intros i I. rewrite (sum_ext _ _ (fun j => if Nat.eqb i j then IZR (nth i row 0%Z) / IZR (m_den g) * y i * y i else 0)).
    + rewrite sum_delta by exact I. assert (0 < IZR (m_den g)) by (apply IZR_lt; assumption).
      assert (0 <= IZR (nth i row 0%Z)).
      { apply IZR_le. rewrite forallb_forall in E0. apply Z.leb_le, E0, nth_In. lia. }
      rewrite Rmult_assoc. apply Rmult_le_pos; [|apply Rle_0_sqr]. unfold Rdiv. apply Rmult_le_pos; [assumption|].
      left. apply Rinv_0_lt_compat. assumption.
    + intros j J. unfold value. cbn [m_cells m_den]. rewrite diagonal_cell by lia. simpl Nat.add.
      destruct (Nat.eqb_spec i j) as [<- | _]; [reflexivity|]. unfold Rdiv. ring.
  - ok H. injection H as <-. split; [exact F|]. split.
    + unfold shown_positive in E0. ok E0. destruct a0. exact (positive_square _ _ _ E0).
    + destruct a0. exact (shown_positive_correct _ _ _ _ F E0).
Qed.

Lemma sum_product n m f g : sum n f * sum m g = sum n (fun i => sum m (fun j => f i * g j)).
Proof.
  rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros i _. rewrite Rmult_comm, <- sum_scale. reflexivity.
Qed.

Lemma in_monomials_ok s e t basis g m : nonnegative_form g -> in_monomials s e t basis g = Ok m -> nonnegative_form m.
Proof.
  intros (F & C & P) H. unfold in_monomials in H. destruct (basis =? -1)%Z; [injection H as <-; repeat split; try apply F; assumption|].
  ok H. injection H as <-. rename a into b. pose proof (hint_at_formed _ _ _ _ E) as B. apply andb_prop in E0. destruct E0 as [R K].
  apply Nat.eqb_eq in R, K.
  pose proof (formed_transpose _ B) as BT. pose proof (formed_mul _ _ BT F) as BG.
  split; [exact (formed_mul _ _ BG B)|]. split; [reflexivity|]. intros y.
  change (m_rows (m_mul (m_mul (m_transpose b) g) b)) with (m_columns b).
  set (z := fun k => sum (m_columns b) (fun i => value b k i * y i)). specialize (P z).
  replace (form (m_columns b) (value (m_mul (m_mul (m_transpose b) g) b)) y) with (form (m_rows g) (value g) z); [exact P|].
  unfold form, z.
  transitivity (sum (m_columns b) (fun i => sum (m_columns b) (fun j => sum (m_rows g) (fun k => sum (m_rows g) (fun l =>
     value b k i * value g k l * value b l j * y i * y j))))).
  - transitivity (sum (m_rows g) (fun k => sum (m_rows g) (fun l => sum (m_columns b) (fun i => sum (m_columns b) (fun j =>
       value b k i * value g k l * value b l j * y i * y j))))).
    + apply sum_ext. intros k _. apply sum_ext. intros l _. rewrite Rmult_assoc, sum_product, <- sum_scale.
      apply sum_ext. intros i _. rewrite <- sum_scale. apply sum_ext. intros j _. ring.
    + rewrite (sum_ext _ _ (fun k => sum (m_columns b) (fun i => sum (m_columns b) (fun j => sum (m_rows g) (fun l =>
        value b k i * value g k l * value b l j * y i * y j))))).
      * rewrite sum_swap. apply sum_ext. intros i _. rewrite sum_swap. reflexivity.
      * intros k _. rewrite sum_swap. apply sum_ext. intros i _. rewrite sum_swap. reflexivity.
  - apply sum_ext. intros i _. apply sum_ext. intros j _.
    rewrite (value_mul _ _ i j BG B) by (change (m_columns (m_mul (m_transpose b) g)) with (m_columns g); lia).
    change (m_columns (m_mul (m_transpose b) g)) with (m_columns g). rewrite C.
    rewrite sum_swap, Rmult_assoc, (Rmult_comm (sum _ _)), <- sum_scale. apply sum_ext. intros l _.
    rewrite (value_mul _ _ i l BT F) by (change (m_columns (m_transpose b)) with (m_rows b); exact R).
    change (m_columns (m_transpose b)) with (m_rows b). rewrite R.
    rewrite (Rmult_comm (sum _ _)), <- Rmult_assoc, <- sum_scale.
    apply sum_ext. intros k _. rewrite value_transpose. ring.
Qed.

Lemma form_scaled n v d y : d <> 0 -> form n (fun i j => v i j / d) y = form n v y / d.
Proof.
  intros D. unfold form, Rdiv. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros i _.
  rewrite <- sum_scale. apply sum_ext. intros j _. ring.
Qed.

Lemma square_nonneg s e n a b g k p : square s e n a b g k = Ok p -> forall x, 0 <= value_at p x.
Proof.
  intros H x. unfold square in H. ok H. rename a0 into m, a1 into keys, a2 into gram, a4 into f, a5 into h.
  injection H as <-. pose proof (hint_at_formed _ _ _ _ E) as M. pose proof (hint_at_formed _ _ _ _ E1) as G.
  pose proof (in_monomials_ok _ _ _ _ _ _ (form_of_ok _ _ _ _ _ G E3) E4) as (F & C & P).
  apply andb_prop in E5. destruct E5 as [R K]. apply Nat.eqb_eq in R, K.
  pose proof (keys_length _ _ _ M E0) as L. destruct F as (D & _ & _ & Rows & W).
  unfold value_at. cbn [p_terms p_den]. rewrite Z2Pos.id by exact D.
  rewrite expand_value; [|lia|eapply Forall_impl; [|exact W]; simpl; intros; lia].
  assert (IZR (m_den h) <> 0) by (apply not_0_IZR; lia).
  rewrite <- form_scaled by assumption. specialize (P (fun i => monomial (nth i keys []) x)). rewrite R, <- L in P. exact P.
Qed.

(** ** Proofs are right *)

Definition nonnegative_at (x : nat -> R) (ps : list polynomial) : Prop := Forall (fun p => 0 <= value_at p x) ps.

Lemma times_nonneg known x : nonnegative_at x known -> forall numbers p q,
  times p known numbers = Ok q -> 0 <= value_at p x -> 0 <= value_at q x.
Proof.
  intros K. induction numbers as [|k rest IH]; intros p q H P; simpl in H; [injection H as <-; exact P|].
  ok H. apply (IH a1 q H). rewrite (mul_value _ _ _ x E1). apply Rmult_le_pos; [exact P|].
  unfold nonnegative_at in K. rewrite Forall_forall in K. exact (K _ (nth_error_In _ _ E0)).
Qed.

Lemma repeat_monomial n : forall x, monomial (repeat 0%N n) x = 1.
Proof. induction n as [|n IH]; intros x; simpl; [reflexivity|]. rewrite IH. ring. Qed.

(** -p^(2 k) >= 0 leaves p = 0. *)
Lemma minus_power_zero n goal x : forall k aim, minus_power n goal k = Ok aim ->
  value_at aim x <= 0 /\ (0 <= value_at aim x -> value_at goal x = 0).
Proof.
  induction k as [|k IH]; intros aim H; simpl in H.
  - injection H as <-. unfold value_at. cbn [p_terms p_den]. rewrite terms_cons, repeat_monomial. simpl. split; lra.
  - ok H. destruct (IH _ E) as [N Z]. rewrite (mul_value _ _ _ x H), (mul_value _ _ _ x E0).
    set (v := value_at a x) in *. set (g := value_at goal x) in *. rewrite Rmult_assoc.
    pose proof (Rle_0_sqr g) as S. unfold Rsqr in S. split.
    + rewrite <- (Rmult_0_l (g * g)). apply Rmult_le_compat_r; assumption.
    + intros P. destruct (Req_dec g 0) as [-> | G]; [reflexivity|]. exfalso. apply G, Z.
      assert (0 < g * g) by (apply Rsqr_pos_lt; exact G).
      apply (Rmult_le_reg_r (g * g)); [assumption|]. rewrite Rmult_0_l. exact P.
Qed.

Lemma follows_correct s e n goal first equalities x : Forall (fun h => value_at h x = 0) equalities ->
  forall items todo total out, follows s e n goal first equalities items todo total = Ok out ->
  (forall known others, todo = known :: others -> nonnegative_at x known -> 0 <= value_at total x) ->
  Forall (fun known => nonnegative_at x known -> 0 <= value_at goal x) todo.
Proof.
  intros Z. induction items as [|item items IH]; intros todo total out H T.
  - destruct todo; [constructor | discriminate].
  - destruct todo as [|known others]; [constructor|]. specialize (T _ _ eq_refl).
    destruct item as [|code words]; [discriminate|]. cbn [follows] in H.
    destruct (code =? 0)%Z; [|destruct (code =? 1)%Z; [|destruct (code =? 2)%Z; [|destruct (code =? 3)%Z; [|discriminate]]]].
    + destruct words as [|w [|? ?]]; try discriminate. ok H. rename a0 into aim.
      assert (V : value_at aim x = value_at total x).
      { assert (A : value_at (add aim (opp total)) x = 0).
        { unfold value_at. destruct (p_terms (add aim (opp total))); [simpl; lra | discriminate]. }
        rewrite add_value, opp_value in A. lra. }
      constructor.
      * intros K. specialize (T K). destruct (w =? 0)%Z; [injection E0 as <-; lra|].
        destruct (minus_power_zero _ _ x _ _ E0) as [_ G]. rewrite G; lra.
      * eapply IH; [exact H|]. intros. rewrite zero_value. lra.
    + destruct words as [|a [|b [|? ?]]]; try discriminate. ok H. rename a0 into r.
      assert (F : Forall (fun k => nonnegative_at x k -> 0 <= value_at goal x) ((known ++ [r])%list :: (known ++ [opp r])%list :: others)).
      { eapply IH; [exact H|]. intros k o Eq K. injection Eq as <- _. apply T. apply Forall_app in K. apply K. }
      inversion F as [|? ? A F']; subst. inversion F' as [|? ? B F'']; subst. constructor; [|exact F''].
      intros K. destruct (Rle_lt_dec 0 (value_at r x)) as [P | P].
      * apply A. apply Forall_app. split; [exact K|]. constructor; [exact P | constructor].
      * apply B. apply Forall_app. split; [exact K|]. constructor; [rewrite opp_value; lra | constructor].
    + destruct words as [|a [|b [|g [|k numbers]]]]; try discriminate. ok H.
      eapply IH; [exact H|]. intros k' o Eq K. injection Eq as <- _. rewrite add_value.
      pose proof (times_nonneg _ _ K _ _ _ E0 (square_nonneg _ _ _ _ _ _ _ _ E x)). specialize (T K). lra.
    + destruct words as [|j [|a [|b [|? ?]]]]; try discriminate. ok H.
      eapply IH; [exact H|]. intros k' o Eq K. injection Eq as <- _. rewrite add_value, (mul_value _ _ _ x E2).
      rewrite Forall_forall in Z. rewrite (Z _ (nth_error_In _ _ E0)). specialize (T K). lra.
Qed.

Theorem proved_correct s e n goal premises equalities items out :
  proved s e n goal premises equalities items = Ok out ->
  forall x, nonnegative_at x premises -> Forall (fun h => value_at h x = 0) equalities -> 0 <= value_at goal x.
Proof.
  unfold proved. intros H x P Z. apply (follows_correct _ _ _ _ _ _ x Z) in H.
  - inversion H as [|? ? A _]; subst. exact (A P).
  - intros. rewrite zero_value. lra.
Qed.

(** ** Polynomials of a statement *)

Lemma read_matrices_correct s ws : forall ms, read_matrices s ws = Ok ms -> Forall2 (fun w m => read_matrix s w = Ok m) ws ms.
Proof.
  induction ws as [|w ws IH]; intros ms H; simpl in H; [injection H as <-; constructor|].
  ok H. injection H as <-. constructor; [exact E | apply IH; exact E0].
Qed.

(** What a pair of matrices of the statement says is what the polynomial read from it is worth. *)
Definition reads (s : store) (n : nat) (w : pair_words) (p : polynomial) : Prop :=
  natural_exponents s n w /\ forall x, value_at p x = polynomial_at s n w x.

Lemma of_matrices_reads s n we wc e c p : read_matrix s we = Ok e -> read_matrix s wc = Ok c ->
  of_matrices n e c = Ok p -> reads s n (we, wc) p.
Proof.
  intros E C H. apply read_matrix_correct in E, C. destruct E as (Fe & Re & Ce & Ve), C as (Fc & Rc & Cc & Vc).
  assert (K := H). unfold of_matrices in K. ok K. clear K. destruct (exponents_ok _ _ _ Fe E) as (N & _ & Whole).
  split; [split|].
  - simpl. lia.
  - intros i j I J. simpl in *. rewrite <- Ve by lia. unfold value, cell.
    destruct Fe as (D & _ & _ & L & W). rewrite Forall_forall in Whole, W.
    assert (R : In (nth i (m_cells e) []) (m_cells e)) by (apply nth_In; lia).
    specialize (Whole _ R). rewrite Forall_forall in Whole.
    assert (Q : In (nth j (nth i (m_cells e) []) 0%Z) (nth i (m_cells e) [])) by (apply nth_In; rewrite (W _ R); lia).
    destruct (Whole _ Q) as [P M]. set (v := nth j (nth i (m_cells e) []) 0%Z) in *.
    exists (Z.to_nat (v / m_den e)). rewrite INR_IZR_INZ, Z2Nat.id by (apply Z.div_pos; assumption).
    assert (V : (v = m_den e * (v / m_den e))%Z) by (apply Z_div_exact_2; lia).
    assert (0 < IZR (m_den e)) by (apply IZR_lt; assumption). rewrite V at 1. rewrite mult_IZR. field. lra.
  - intros x. destruct (of_matrices_value _ _ _ _ x Fe Fc H) as (R1 & C1 & ->). unfold polynomial_at. simpl fst; simpl snd.
    rewrite <- Re. apply sum_ext. intros i I. f_equal; [apply Vc; lia|]. apply prod_ext. intros j J. rewrite Ve by lia. reflexivity.
Qed.

Lemma of_list_reads s n : forall ms ws ps, Forall2 (fun w m => read_matrix s w = Ok m) ws ms ->
  of_list n ms = Ok ps -> Forall2 (reads s n) (pairs ws) ps.
Proof.
  fix IH 1. intros [|e [|c ms]] ws ps F H; [|discriminate|].
  - inversion F; subst. injection H as <-. constructor.
  - inversion F as [|we ? ? ? Ee F']; subst. inversion F' as [|wc ? ? ? Ec F'']; subst.
    cbn [of_list] in H. ok H. injection H as <-. simpl pairs. constructor.
    + exact (of_matrices_reads _ _ _ _ _ _ _ Ee Ec E).
    + exact (IH ms _ _ F'' E0).
Qed.

Theorem of_statement_reads s n ws ps : of_statement s n ws = Ok ps -> Forall2 (reads s n) (pairs ws) ps.
Proof.
  unfold of_statement. intros H. ok H. exact (of_list_reads _ _ _ _ _ (read_matrices_correct _ _ _ E) H).
Qed.

(** Only the first n variables matter. *)
Definition local (n : nat) (p : polynomial) : Prop :=
  forall x y : nat -> R, (forall j, (j < n)%nat -> x j = y j) -> value_at p x = value_at p y.

Lemma hint_polynomial_local s e n a b p : hint_polynomial s e n a b = Ok p -> local n p.
Proof.
  unfold hint_polynomial. intros H x y E. ok H. apply hint_at_formed in E0, E1.
  destruct (of_matrices_value _ _ _ _ x E0 E1 H) as (_ & _ & ->). destruct (of_matrices_value _ _ _ _ y E0 E1 H) as (_ & _ & ->).
  apply sum_ext. intros i _. f_equal. apply prod_ext. intros j J. rewrite E by exact J. reflexivity.
Qed.

Lemma reads_local s n w p : reads s n w p -> local n p.
Proof.
  intros [_ V] x y E. rewrite !V. unfold polynomial_at. apply sum_ext. intros i _. f_equal. apply prod_ext.
  intros j J. rewrite E by exact J. reflexivity.
Qed.

Lemma reads_locals s n ws ps : Forall2 (reads s n) ws ps -> Forall (local n) ps.
Proof. induction 1; constructor; [eapply reads_local; eassumption | assumption]. Qed.

Lemma reads_natural s n ws ps : Forall2 (reads s n) ws ps -> Forall (natural_exponents s n) ws.
Proof. induction 1 as [|w p ws ps [N _] _ IH]; constructor; assumption. Qed.

Lemma reads_nonnegative s n ws ps x : Forall2 (reads s n) ws ps ->
  Forall (fun w => 0 <= polynomial_at s n w x) ws -> nonnegative_at x ps.
Proof. induction 1 as [|w p ws ps [_ V] _ IH]; intros F; inversion F; subst; constructor; [rewrite V; assumption | apply IH; assumption]. Qed.

Lemma reads_zero s n ws ps x : Forall2 (reads s n) ws ps ->
  Forall (fun w => polynomial_at s n w x = 0) ws -> Forall (fun p => value_at p x = 0) ps.
Proof. induction 1 as [|w p ws ps [_ V] _ IH]; intros F; inversion F; subst; constructor; [rewrite V; assumption | apply IH; assumption]. Qed.

Lemma forall2_firstn {A B} (P : A -> B -> Prop) k : forall l m, Forall2 P l m -> Forall2 P (firstn k l) (firstn k m).
Proof. induction k as [|k IH]; intros l m F; [constructor|]. destruct F; simpl; constructor; auto. Qed.

Lemma forall2_skipn {A B} (P : A -> B -> Prop) k : forall l m, Forall2 P l m -> Forall2 P (skipn k l) (skipn k m).
Proof. induction k as [|k IH]; intros l m F; [exact F|]. destruct F; simpl; [constructor | auto]. Qed.

Lemma forall2_length {A B} (P : A -> B -> Prop) l m : Forall2 P l m -> length l = length m.
Proof. induction 1; simpl; congruence. Qed.

(** Inequalities and equalities: the last [equalities]. *)
Definition halves (ps : list polynomial) (equalities : nat) : result (list polynomial * list polynomial) :=
  _ <- need "shape" (equalities <=? length ps)%nat ;;
  Ok (firstn (length ps - equalities) ps, skipn (length ps - equalities) ps).

Lemma halves_satisfied s n ws ps equalities a b x : Forall2 (reads s n) ws ps -> halves ps equalities = Ok (a, b) ->
  (equalities <= length ws)%nat /\
  (satisfied s n ws equalities x -> nonnegative_at x a /\ Forall (fun h => value_at h x = 0) b).
Proof.
  intros F H. unfold halves in H. ok H. injection H as <- <-. apply Nat.leb_le in E.
  pose proof (forall2_length _ _ _ F) as L. rewrite <- L in *. split; [exact E|]. intros [P Z]. split.
  - exact (reads_nonnegative _ _ _ _ _ (forall2_firstn _ _ _ _ F) P).
  - exact (reads_zero _ _ _ _ _ (forall2_skipn _ _ _ _ F) Z).
Qed.

Lemma halves_locals n ps equalities a b : Forall (local n) ps -> halves ps equalities = Ok (a, b) ->
  Forall (local n) a /\ Forall (local n) b.
Proof.
  intros F H. unfold halves in H. ok H. injection H as <- <-.
  rewrite <- (firstn_skipn (length ps - equalities) ps) in F. apply Forall_app in F. exact F.
Qed.
